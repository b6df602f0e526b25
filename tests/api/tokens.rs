//! Tokens that an account makes with its user key.
//!
//! Sources: RFC 7515, 7519; RFC 8725 for what a verifier must not be talked into.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use meldgate::clock::Clock;
use serde_json::{Value, json};
use testkit::{Auth, Socket};

use super::{Caller, gateway, id_of, secret_of};

/// What a token says, without a look at its signature.
pub(super) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// An account with an opened pair.
pub(super) struct Signer {
    pub(super) account: Caller,
    kid: String,
    pair: KeyPair,
    public: Vec<u8>,
}

impl Signer {
    pub(super) async fn new(name: &str) -> Self {
        let first = Caller::account(name).await;
        let minted = first
            .gets("POST", &format!("/user/{name}/key?type=rsa"), "")
            .await;
        let key = minted["auth"]["key"].as_str().unwrap();
        let der = |half: &str| {
            STANDARD
                .decode(minted["key"][half].as_str().unwrap())
                .unwrap()
        };
        let sealed = der("private");
        let sealed = pkcs8::EncryptedPrivateKeyInfoRef::try_from(sealed.as_slice()).unwrap();
        let opened = sealed.decrypt(secret_of(key)).unwrap();
        Self {
            account: Caller::by_key(name, key),
            kid: id_of(key).to_owned(),
            pair: KeyPair::from_pkcs8(opened.as_bytes()).unwrap(),
            public: der("public"),
        }
    }

    /// The account by a token that it signed for itself.
    pub(super) fn by_token(&self, account: &str) -> Caller {
        Caller::by_token(&self.sign(&self.header(), &of(account)))
    }

    fn header(&self) -> Value {
        json!({"alg": "RS256", "typ": "JWT", "kid": self.kid})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_by(&RSA_PKCS1_SHA256, header, claims)
    }

    fn sign_by(&self, how: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let chance = SystemRandom::new();
        self.pair
            .sign(how, &chance, message.as_bytes(), &mut signature)
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn now() -> u64 {
    Clock::system().now().as_secs()
}

/// What an account says of itself for ten minutes.
fn of(account: &str) -> Value {
    json!({"iss": account, "exp": now() + 600})
}

/// `value` with one member set; `null` takes it away.
fn with(value: &Value, member: &str, to: Value) -> Value {
    let mut value = value.clone();
    if to.is_null() {
        value.as_object_mut().unwrap().remove(member);
    } else {
        value[member] = to;
    }
    value
}

#[tokio::test]
async fn an_account_speaks_for_itself_by_a_token() {
    let signer = Signer::new("speaking").await;
    let header = signer.header();
    let right = of("speaking");
    for claims in [
        right.clone(),
        of("http://gw.local/speaking"),
        with(&right, "sub", json!("speaking")),
        with(&right, "sub", json!("http://gw.local/speaking")),
        with(&right, "aud", json!("gw.local")),
        with(&right, "nbf", json!(now() - 5)),
        with(&right, "iat", json!(now())),
        with(&right, "jti", json!("own")),
    ] {
        let token = signer.sign(&header, &claims);
        let reply = Caller::by_token(&token).get("/user/speaking").await;
        assert_eq!(reply.status, 200, "{claims}: {}", reply.text());
    }
    let token = Caller::by_token(&signer.sign(&with(&header, "typ", Value::Null), &right));
    token
        .does(
            "PATCH",
            "/user/speaking",
            r#"{"@insert":{"remotesAuth":"jwt"}}"#,
        )
        .await;
    token.gets("PUT", "/domain/speaking/todo", "").await;
    // A key opens for longer than a token is good, so a token makes none.
    token.may_not("POST", "/user/speaking/key", "", 403).await;
    token.may_not("GET", "/user/acme", "", 403).await;
    let jwt = Auth::Jwt(signer.sign(&header, &right));
    let joined = Socket::join(gateway(), "a", "todo.speaking.gw.local", &jwt).await;
    assert!(joined.is_ok(), "{joined:?}");
}

#[tokio::test]
async fn a_token_for_a_user_opens_domains_and_nothing_else() {
    let signer = Signer::new("lending").await;
    signer
        .account
        .does(
            "PATCH",
            "/user/lending",
            r#"{"@insert":{"remotesAuth":"jwt"}}"#,
        )
        .await;
    signer.account.gets("PUT", "/domain/lending/todo", "").await;
    let claims = with(&of("lending"), "sub", json!("https://example.org/user"));
    let token = signer.sign(&signer.header(), &claims);
    for (method, path) in [
        ("GET", "/user/lending"),
        ("POST", "/user/lending/key"),
        ("PUT", "/domain/lending/more"),
    ] {
        Caller::by_token(&token)
            .may_not(method, path, "", 403)
            .await;
    }
    let joined = Socket::join(gateway(), "u", "todo.lending.gw.local", &Auth::Jwt(token)).await;
    assert!(joined.is_ok(), "{joined:?}");
}

type Forgeries = Vec<(&'static str, String)>;

/// Tokens whose signature is none of the account's.
fn badly_signed(signer: &Signer, right: &Value) -> Forgeries {
    let header = signer.header();
    let good = signer.sign(&header, right);
    let (front, signature) = good.rsplit_once('.').unwrap();
    let backwards: String = signature.chars().rev().collect();
    let none = message(&with(&header, "alg", json!("none")), right);
    let tampered = message(&header, &with(right, "iss", json!("root")));
    let rs512 = with(&header, "alg", json!("RS512"));
    let ps256 = with(&header, "alg", json!("PS256"));
    vec![
        ("no signature", format!("{front}.")),
        ("the signature alone", format!("..{signature}")),
        ("another signature", format!("{front}.{backwards}")),
        ("other claims", format!("{tampered}.{signature}")),
        ("padding", format!("{good}=")),
        ("a space", format!("{front} .{signature}")),
        ("no algorithm", format!("{none}.")),
        (
            "no algorithm but a signature",
            format!("{none}.{signature}"),
        ),
        ("RS512", signer.sign_by(&RSA_PKCS1_SHA512, &rs512, right)),
        ("PS256", signer.sign_by(&RSA_PSS_SHA256, &ps256, right)),
        (
            "RS512 that says RS256",
            signer.sign_by(&RSA_PKCS1_SHA512, &header, right),
        ),
    ]
}

/// Tokens whose verifier is to take the public key for the secret of an HMAC.
fn confused(signer: &Signer, right: &Value, pem: &str) -> Forgeries {
    let message = message(&with(&signer.header(), "alg", json!("HS256")), right);
    [
        ("HMAC by the public key in PEM", pem.as_bytes()),
        ("HMAC by the public key in DER", &signer.public),
        ("HMAC by nothing", b""),
    ]
    .map(|(what, secret)| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        (what, format!("{message}.{tag}"))
    })
    .into()
}

/// Tokens whose header says what it must not.
fn badly_headed(signer: &Signer, other: &Signer, right: &Value) -> Forgeries {
    let header = signer.header();
    let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
    [
        ("an unknown algorithm", "alg", json!("rs256")),
        ("no algorithm at all", "alg", Value::Null),
        ("another type", "typ", json!("at+jwt")),
        ("what is critical", "crit", json!(["exp"])),
        ("its own key", "jwk", jwk),
        (
            "a place of its key",
            "jku",
            json!("https://example.org/jwks"),
        ),
        ("a certificate", "x5u", json!("https://example.org/cert")),
        ("no key id", "kid", Value::Null),
        ("an unknown key id", "kid", json!("zzzzzz")),
        ("a key id that is a path", "kid", json!("../../dev/null")),
        ("another's key id", "kid", json!(other.kid)),
    ]
    .map(|(what, member, value)| (what, signer.sign(&with(&header, member, value), right)))
    .into()
}

/// Tokens that are signed well and say what they must not.
fn badly_claimed(signer: &Signer, right: &Value) -> Forgeries {
    let header = signer.header();
    [
        ("the issuer root", "iss", json!("root")),
        ("no issuer", "iss", Value::Null),
        (
            "an issuer elsewhere",
            "iss",
            json!("http://other.org/forged"),
        ),
        (
            "an issuer of another scheme",
            "iss",
            json!("https://gw.local/forged"),
        ),
        ("issuers", "iss", json!(["forged"])),
        ("no end", "exp", Value::Null),
        ("an end that is over", "exp", json!(now() - 120)),
        (
            "an end that is a text",
            "exp",
            json!((now() + 600).to_string()),
        ),
        ("an end before time", "exp", json!(-1)),
        ("a beginning to come", "nbf", json!(now() + 600)),
        ("made in the future", "iat", json!(now() + 600)),
        ("another audience", "aud", json!("https://other.org/")),
        ("other audiences", "aud", json!(["https://other.org/"])),
    ]
    .map(|(what, member, value)| (what, signer.sign(&header, &with(right, member, value))))
    .into()
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_is_refused() {
    let (signer, other) = (Signer::new("forged").await, Signer::new("forger").await);
    let (header, right) = (signer.header(), of("forged"));
    let path = format!("/user/forged/publicKey/{}", signer.kid);
    let pem = signer.account.get(&path).await.text();
    let mut tokens = badly_signed(&signer, &right);
    tokens.extend(confused(&signer, &right, &pem));
    tokens.extend(badly_headed(&signer, &other, &right));
    tokens.extend(badly_claimed(&signer, &right));
    tokens.extend([
        ("another's signature", other.sign(&header, &right)),
        ("another's key", other.sign(&other.header(), &right)),
        (
            "claims that are none",
            signer.sign(&header, &json!([right])),
        ),
    ]);
    let good = Caller::by_token(&signer.sign(&header, &right));
    assert_eq!(good.get("/user/forged").await.status, 200);
    let mut answers = Vec::new();
    for (what, token) in tokens {
        let reply = Caller::by_token(&token).get("/user/forged").await;
        assert_eq!(reply.status, 401, "{what}: {}", reply.text());
        answers.push(
            reply
                .text()
                .replace(reply.header("x-request-id").unwrap(), "ID"),
        );
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_token_dies_with_its_key() {
    let signer = Signer::new("mortal").await;
    let token = Caller::by_token(&signer.sign(&signer.header(), &of("mortal")));
    token.gets("GET", "/user/mortal", "").await;
    let revoke = json!({"@delete": {"key": signer.kid}}).to_string();
    Caller::root().does("PATCH", "/user/mortal", &revoke).await;
    token.may_not("GET", "/user/mortal", "", 401).await;
}
