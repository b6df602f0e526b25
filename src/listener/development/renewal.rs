//! A leaf of our own authority is renewed where it is, before it ends.
//!
//! It keeps its names, its authority, and who may read its key. Whoever runs the gateway need not be able to do it:
//! as installed, the authority's key is root's alone, and a command run by root renews the leaf. A certificate that
//! another authority made is never touched.

use super::{CertificateFiles, Chance, DevelopmentError, KeyPair, LEAF_LIFE, Maker, inspect, read};
use crate::clock::Timestamp;

/// When a leaf is renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// Once it has less than thirty days left. A key that does not fit alone is no reason: somebody may be putting
    /// another pair in its place.
    InTime,
    /// In any case.
    Now,
}

/// Renews the leaf in `files` if it is due. False: it is not, it is not of an authority that is kept beside it, or
/// that authority's key is not ours to read.
pub fn renew(
    files: &CertificateFiles,
    due: Due,
    now: Timestamp,
    chance: &Chance,
) -> Result<bool, DevelopmentError> {
    let Some(folder) = files.certificate.parent() else {
        return Ok(false);
    };
    Maker {
        folder,
        now,
        chance,
    }
    .renew(files, due)
}

/// Renews whatever is due of `all`; tells the log, and whether there was anything.
pub(crate) fn renew_all(all: &[CertificateFiles], now: Timestamp, chance: &Chance) -> bool {
    let mut renewed = false;
    for files in all {
        let path = files.certificate.display();
        match renew(files, Due::InTime, now, chance) {
            Ok(false) => {}
            Ok(true) => {
                log::info!(target: "meldgate::listener", path:% = path; "a certificate of the gateway's own authority is renewed");
                renewed = true;
            }
            Err(error) => {
                log::error!(target: "meldgate::listener", path:% = path, error:err = error; "a certificate of the gateway's own authority cannot be renewed");
            }
        }
    }
    renewed
}

impl Maker<'_> {
    fn renew(&self, files: &CertificateFiles, due: Due) -> Result<bool, DevelopmentError> {
        let kept = self.kept();
        let authority = read(&kept.ca_file).zip(read(&self.authority_key()));
        let (Some((ca, ca_key)), Some(leaf)) = (authority, read(&kept.leaf.certificate)) else {
            return Ok(false);
        };
        let (Some(ca), Ok(ca_key), Some(leaf)) =
            (inspect(&ca), KeyPair::from_pem(&ca_key), inspect(&leaf))
        else {
            return Ok(false);
        };
        let ours =
            kept.leaf == *files && ca.key == ca_key.public_key_raw() && leaf.issuer == ca.subject;
        if !ours {
            return Ok(false);
        }
        // An authority near its own end has nothing more to give.
        let enough = leaf.until > self.left() || leaf.until >= ca.until;
        if due == Due::InTime && enough {
            return Ok(false);
        }
        let life = LEAF_LIFE.min(ca.until.since(self.now));
        self.make_leaf(&kept, &leaf.names, (&ca_key, life))?;
        Ok(true)
    }
}
