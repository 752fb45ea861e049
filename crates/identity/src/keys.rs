//! Public keys of an issuer (RFC 7517), and the signatures that they prove.
//!
//! Nothing here knows what a token says.

use std::str::FromStr;

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one issuer that are looked at: real sets have fewer than ten, and each unknown one costs time per token.
const KEYS: usize = 64;
/// Of an RSA modulus, in bytes: less can be broken, more only makes work.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// Of an RSA exponent, in bytes. 65537 has three; a huge one makes each verification slow.
const EXPONENT: usize = 4;

/// How a token may be signed (RFC 7518, RFC 8037). All have a key of two halves.
///
/// That is the whole defence against key confusion: with HMAC, whoever knows the public key could sign with it as if it were the
/// shared secret, and `none` is no signature at all. Neither has a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// A name that stands for none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnfitAlgorithm;

impl FromStr for Algorithm {
    type Err = UnfitAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            // RFC 9864 gives it a name that says which curve
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return Err(UnfitAlgorithm),
        })
    }
}

/// All usable keys of one issuer.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// Where the issuer ties the key to one.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// What a set of keys says about one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A key of the issuer made it.
    Sound,
    /// The key that is named did not make it.
    Forged,
    /// No key has that name, or none can be meant: there may be newer ones.
    NoKey,
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Keys of other kinds and for other uses are passed over, as RFC 7517 (5) demands: an issuer may add some at any time. `None`
    /// when it is not a set, or none is left.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let set: RawSet = serde_json::from_slice(bytes).ok()?;
        let keys: Vec<_> = set
            .keys
            .into_iter()
            .take(KEYS)
            .filter_map(|key| Key::parse(serde_json::from_value(key).ok()?))
            .collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// A token without a key's name is proved only where one key alone can be meant.
    pub(crate) fn prove(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Proof {
        let fits = |key: &&Key| key.fits(algorithm);
        let meant: Vec<_> = match id {
            Some(id) => {
                let named = self.0.iter().filter(|key| key.id.as_deref() == Some(id));
                named.filter(fits).collect()
            }
            None => self.0.iter().filter(fits).collect(),
        };
        if meant.is_empty() || (id.is_none() && meant.len() > 1) {
            return Proof::NoKey;
        }
        let is_sound = |key: &&Key| key.material.verifies(algorithm, message, signature);
        if meant.iter().any(is_sound) {
            Proof::Sound
        } else {
            Proof::Forged
        }
    }
}

impl Key {
    fn parse(raw: RawKey) -> Option<Self> {
        if raw.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let verifies = |operations: Vec<String>| operations.iter().any(|word| word == "verify");
        if !raw.key_ops.is_none_or(verifies) {
            return None;
        }
        let algorithm = match raw.alg {
            Some(name) => Some(name.parse().ok()?),
            None => None,
        };
        let bytes = |text: Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text?).ok();
        let material = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => {
                let [modulus, exponent] =
                    [bytes(raw.n)?, bytes(raw.e)?].map(|bytes| without_zeros(&bytes));
                let is_sound =
                    MODULUS.contains(&modulus.len()) && (1..=EXPONENT).contains(&exponent.len());
                is_sound.then_some(Material::Rsa { modulus, exponent })?
            }
            ("EC", Some("P-256")) => Material::P256(point(&bytes(raw.x)?, &bytes(raw.y)?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(&bytes(raw.x)?, &bytes(raw.y)?, 48)?),
            ("OKP", Some("Ed25519")) => {
                let key = bytes(raw.x)?;
                (key.len() == 32).then_some(Material::Ed25519(key))?
            }
            _ => return None,
        };
        Some(Self {
            id: raw.kid,
            algorithm,
            material,
        })
    }

    /// The token only says how it is signed; the key decides whether that can be.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_tied_to_another = self.algorithm.is_some_and(|own| own != algorithm);
        let is_its_kind = match algorithm {
            Algorithm::Es256 => matches!(self.material, Material::P256(_)),
            Algorithm::Es384 => matches!(self.material, Material::P384(_)),
            Algorithm::EdDsa => matches!(self.material, Material::Ed25519(_)),
            _ => matches!(self.material, Material::Rsa { .. }),
        };
        is_its_kind && !is_tied_to_another
    }
}

/// Some issuers write a sign byte in front, which the verifier refuses.
fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes[zeros..].to_vec()
}

/// SEC 1, uncompressed. Whether it lies on the curve is the verifier's to say.
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    let is_sound = x.len() == length && y.len() == length;
    is_sound.then(|| [&[4], x, y].concat())
}

impl Material {
    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let rsa = |parameters: &'static RsaParameters| match self {
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(parameters, message, signature)
            .is_ok(),
            _ => false,
        };
        match (algorithm, self) {
            (Algorithm::Rs256, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Rs384, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            (Algorithm::Rs512, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            (Algorithm::Ps256, _) => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            (Algorithm::Ps384, _) => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            (Algorithm::Ps512, _) => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            (Algorithm::Es256, Self::P256(point)) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            (Algorithm::Es384, Self::P384(point)) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            (Algorithm::EdDsa, Self::Ed25519(key)) => {
                let key = UnparsedPublicKey::new(&signature::ED25519, key);
                key.verify(message, signature).is_ok()
            }
            _ => false,
        }
    }
}
