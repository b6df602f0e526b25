//! An account's key with its pair, and tokens that it signs as an application would.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::EncryptedPrivateKeyInfoRef;
use serde_json::{Value, json};
use testkit::{Auth, Gateway};

/// An account key and the pair that belongs to it.
#[derive(Debug)]
pub(super) struct Pair {
    account: String,
    key: String,
    signing: RsaKeyPair,
}

impl Pair {
    /// Mints a key for an account.
    pub(super) async fn mint(gateway: &Gateway, account: &str) -> Self {
        let path = format!("/api/v1/user/{account}/key?type=rsa");
        let reply = gateway.as_root("POST", &path, None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let reply = reply.value();
        let key = reply["auth"]["key"].as_str().unwrap().to_owned();
        let sealed = STANDARD
            .decode(reply["key"]["private"].as_str().unwrap())
            .unwrap();
        let (_, secret) = key.split_once(':').unwrap();
        let opened = EncryptedPrivateKeyInfoRef::try_from(&sealed[..])
            .unwrap()
            .decrypt(secret)
            .unwrap();
        Self {
            account: account.to_owned(),
            signing: RsaKeyPair::from_pkcs8(opened.as_bytes()).unwrap(),
            key,
        }
    }

    /// The public half of the key.
    pub(super) fn id(&self) -> &str {
        self.key.split([':', '.']).nth(1).unwrap()
    }

    /// The key, for a handshake.
    pub(super) fn key_auth(&self) -> Auth {
        Auth::Key(self.account.clone(), self.key.clone())
    }

    /// The whole key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// A token that is good for some minutes.
    pub(super) fn jwt_auth(&self) -> Auth {
        Auth::Jwt(self.token(&json!({"iss": self.account, "exp": in_seconds(300)})))
    }

    /// The same for a user of the account.
    pub(super) fn jwt_for(&self, user: &str) -> Auth {
        let claims = json!({"iss": self.account, "sub": user, "exp": in_seconds(300)});
        Auth::Jwt(self.token(&claims))
    }

    /// A token that claims this.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(
            &json!({"alg": "RS256", "typ": "JWT", "kid": self.id()}),
            claims,
        )
    }

    /// A token with a header of the test's choice.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.signing.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.signing.sign(
            &RSA_PKCS1_SHA256,
            &random,
            message.as_bytes(),
            &mut signature,
        );
        signed.unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A date, as tokens have them, so many seconds from now.
pub(super) fn in_seconds(seconds: i64) -> i64 {
    let now = meldgate::clock::Clock::system().now().as_secs();
    i64::try_from(now).unwrap() + seconds
}
