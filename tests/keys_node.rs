//! User keys and Node's crypto module understand each other, both ways.

use std::io::Write as _;
use std::process::{Command, Stdio};

use meldgate::accounts::UserKey;
use meldgate::clock::Chance;
use meldgate::secret::KeySecret;
use serde_json::{Value, json};

/// Reads a pair of ours, signs with it, and makes a pair of its own under the same secret.
const SCRIPT: &str = r"
const crypto = require('crypto');
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const der = text => Buffer.from(text, 'base64');
const key = crypto.createPrivateKey({
  key: der(given.private), format: 'der', type: 'pkcs8', passphrase: given.secret
});
const publicKey = crypto.createPublicKey({key: der(given.public), format: 'der', type: 'spki'});
let refused = false;
try {
  crypto.createPrivateKey({key: der(given.private), format: 'der', type: 'pkcs8', passphrase: 'wrong'});
} catch (e) { refused = true; }
const made = crypto.generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: {type: 'spki', format: 'der'},
  privateKeyEncoding: {type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: given.secret}
});
console.log(JSON.stringify({
  bits: key.asymmetricKeyDetails.modulusLength,
  pem: publicKey.export({type: 'spki', format: 'pem'}),
  signature: crypto.sign('RSA-SHA256', Buffer.from(given.message), key).toString('base64'),
  verified: crypto.verify('RSA-SHA256', Buffer.from(given.message), publicKey, der(given.signature)),
  refused,
  public: made.publicKey.toString('base64'),
  private: made.privateKey.toString('base64')
}));
";

fn node(input: &Value) -> Value {
    let mut node = Command::new("timeout")
        .args(["60", "node", "-e", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is installed");
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn node_and_the_gateway_open_each_other_s_pairs() {
    let secret = KeySecret::new("bcdfghjkmnpqrstv".repeat(5));
    let pair = UserKey::generate(&secret, &Chance::system()).unwrap();
    let message = "an operation";
    let signature = pair
        .private
        .open(&secret)
        .unwrap()
        .sign(message.as_bytes())
        .unwrap();
    let answer = node(&json!({
        "public": pair.public.to_base64(), "private": pair.private.to_base64(),
        "secret": secret.expose(), "message": message, "signature": base64(&signature),
    }));
    assert_eq!(answer["bits"], 2048);
    assert_eq!(answer["verified"], true);
    assert_eq!(answer["refused"], true, "a wrong secret does not open it");
    assert_eq!(answer["pem"], pair.public.to_pem());
    assert_eq!(
        answer["signature"],
        base64(&signature),
        "the signature scheme has no chance in it"
    );
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    let theirs = UserKey::adopt(&text("public"), &text("private"), &secret);
    assert!(theirs.is_ok(), "{theirs:?}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
