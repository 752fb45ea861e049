//! Settings: flags over environment over file over defaults, each value with its origin.
//!
//! This is the only place that reads the environment. It says what was asked for and whether it makes sense; whether a folder
//! can be written or a port is free is found out when the server starts.

mod error;
mod layers;
mod measure;
mod origin;
mod sign_on;
#[cfg(test)]
mod tests;
mod told;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use supercargo_registry::{
    AuditSettings, ConfiguredKey, Limits, Rates, SessionSettings, SignOnSettings, UpstreamSettings,
};
use supercargo_store::DatabaseUrl;
use supercargo_types::{AddressRange, InvalidAddressRange, InvalidRate, Rate, Site, TokenSecret};
use supercargo_upstream::AllowedAddress;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use self::layers::{Layers, Raw};
pub(crate) use self::{
    error::ConfigurationError,
    layers::{DEFAULTS, Environment, Flags},
    origin::{Origin, Sourced},
};

/// Everything that the server is told, checked.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// The data folder.
    pub(crate) data: Sourced<PathBuf>,
    /// Where to listen.
    pub(crate) listen: Sourced<SocketAddr>,
    /// BASE, where it is said.
    public_url: Option<String>,
    previous_public_urls: Vec<String>,
    /// For the first start.
    pub(crate) admin_token: Option<TokenSecret>,
    /// Where the database is.
    pub(crate) database: DatabaseUrl,
    /// The folder of blobs.
    pub(crate) storage: PathBuf,
    /// Where the key for secrets at rest is.
    pub(crate) secret_key_file: SecretKeyFile,
    /// Whose word on where a request came from is taken.
    pub(crate) trusted_proxies: Vec<AddressRange>,
    /// The certificate and its key, to serve HTTPS.
    pub(crate) tls: Option<TlsFiles>,
    /// Dealing with upstreams.
    pub(crate) upstream: UpstreamSettings,
    /// Sizes.
    pub(crate) limits: Limits,
    /// How often somebody may do something.
    pub(crate) rates: Rates,
    /// How long logs are kept.
    pub(crate) audit: AuditSettings,
    /// How long a browser stays signed in.
    pub(crate) sessions: SessionSettings,
    /// The provider that people sign in with.
    pub(crate) sign_on: Option<SignOnSettings>,
    /// What the log shows.
    pub(crate) log: LogSettings,
    /// Sentences for the log.
    pub(crate) warnings: Vec<String>,
    /// Every key as it was set, without secrets.
    keys: Vec<ConfiguredKey>,
}

/// The file of the secret key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretKeyFile {
    /// In the data folder; made when it is absent.
    InDataFolder(PathBuf),
    /// Named by the operator; never made, since a typing error would then lock every stored secret away.
    Given(Sourced<PathBuf>),
}

/// The PEM files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// `tls.certificate`.
    pub(crate) certificate: Sourced<PathBuf>,
    /// `tls.key`.
    pub(crate) key: Sourced<PathBuf>,
}

/// The log on standard error.
#[derive(Debug)]
pub(crate) struct LogSettings {
    /// Its form.
    pub(crate) format: LogFormat,
    /// What it shows: directives that `EnvFilter` reads.
    pub(crate) filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object per line.
    Json,
}

impl Configuration {
    /// Puts the layers together and checks every value.
    pub(crate) fn load(
        flags: &Flags,
        environment: &Environment,
    ) -> Result<Self, ConfigurationError> {
        let mut values = Values(Layers::read(flags, environment)?);
        let keys = told::all(&values.0);
        let data = values.parsed("data", path)?;
        let listen = values.parsed("listen", address)?;
        let public_url = values.public_url(&listen)?;
        let configuration = Self {
            previous_public_urls: values.previous_public_urls()?,
            admin_token: values.secret("admin_token")?,
            database: match values.secret("database")? {
                Some(url) => url,
                None => DatabaseUrl::Sqlite(data.value.join("supercargo.db")),
            },
            storage: match values.storage()? {
                Some(folder) => folder,
                None => data.value.join("blobs"),
            },
            secret_key_file: match values.optional("secret_key_file") {
                Some(Sourced { value, origin }) => SecretKeyFile::Given(Sourced {
                    value: value.into(),
                    origin,
                }),
                None => SecretKeyFile::InDataFolder(data.value.join("secret-key")),
            },
            trusted_proxies: values.trusted_proxies()?,
            tls: values.tls()?,
            upstream: values.upstream()?,
            limits: Limits {
                crate_size: values.parsed("limits.crate_size", measure::size)?.value,
                unpacked_size: values.parsed("limits.unpacked_size", measure::size)?.value,
            },
            rates: Rates {
                publishes: values.rate("limits.publishes")?,
                sign_ins: values.rate("limits.sign_ins")?,
                sign_ins_of_account: values.rate("limits.sign_ins_of_account")?,
                sign_ins_of_address: values.rate("limits.sign_ins_of_address")?,
                token_guesses: values.rate("limits.token_guesses")?,
            },
            audit: AuditSettings {
                keep: values.kept("audit.keep")?,
                keep_downloads: values.kept("audit.keep_downloads")?,
            },
            sessions: values.sessions()?,
            sign_on: values.sign_on()?,
            log: LogSettings {
                format: values.parsed("log.format", log_format)?.value,
                filter: values.parsed("log.level", log_filter)?.value,
            },
            warnings: std::mem::take(&mut values.0.warnings),
            keys,
            data,
            listen,
            public_url,
        };
        debug_assert_eq!(values.0.left(), [""; 0], "keys that nothing reads");
        Ok(configuration)
    }

    /// Where the server listens, as a URL, once the port is known.
    pub(crate) fn local_url(&self, bound: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{bound}")
    }

    /// The server's public URLs, once the port is known.
    pub(crate) fn site(&self, bound: SocketAddr) -> Site {
        let base = match &self.public_url {
            Some(url) => url.clone(),
            None => self.local_url(bound),
        };
        Site::new(&base, &self.previous_public_urls).expect("invariant: checked when it was read")
    }
}

/// Takes values out of the layers and checks them.
struct Values(Layers);

impl Values {
    fn text(&mut self, key: &'static str) -> Sourced<String> {
        let Sourced { value, origin } = self.0.take(key);
        match value {
            Raw::Text(value) => Sourced { value, origin },
            Raw::List(_) => unreachable!("invariant: layers keep the kind of the default"),
        }
    }

    fn list(&mut self, key: &'static str) -> Sourced<Vec<String>> {
        let Sourced { value, origin } = self.0.take(key);
        match value {
            Raw::List(value) => Sourced { value, origin },
            Raw::Text(_) => unreachable!("invariant: layers keep the kind of the default"),
        }
    }

    /// An empty text means that the key is not set.
    fn optional(&mut self, key: &'static str) -> Option<Sourced<String>> {
        let text = self.text(key);
        (!text.value.is_empty()).then_some(text)
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Sourced<T>, ConfigurationError> {
        let Sourced { value, origin } = self.text(key);
        match parse(&value) {
            Ok(value) => Ok(Sourced { value, origin }),
            Err(expected) => Err(ConfigurationError::Value {
                key,
                value,
                origin,
                expected,
            }),
        }
    }

    /// A value that no message may repeat.
    fn secret<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, ConfigurationError> {
        let Some(Sourced { value, origin }) = self.optional(key) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(ConfigurationError::Secret {
                key,
                origin,
                expected: error.to_string(),
            }),
        }
    }

    fn public_url(
        &mut self,
        listen: &Sourced<SocketAddr>,
    ) -> Result<Option<String>, ConfigurationError> {
        let Some(url) = self.optional("public_url") else {
            return if is_unspecified(listen.value.ip()) {
                Err(ConfigurationError::NoPublicUrl {
                    listen: listen.value,
                    origin: listen.origin.clone(),
                })
            } else {
                Ok(None)
            };
        };
        check_base("public_url", &url.value, &url.origin)?;
        Ok(Some(url.value))
    }

    fn previous_public_urls(&mut self) -> Result<Vec<String>, ConfigurationError> {
        let key = "previous_public_urls";
        let urls = self.list(key);
        for url in &urls.value {
            check_base(key, url, &urls.origin)?;
        }
        Ok(urls.value)
    }

    fn storage(&mut self) -> Result<Option<PathBuf>, ConfigurationError> {
        let key = "storage";
        match self.optional(key) {
            Some(Sourced { value, origin }) if value.contains("://") => {
                Err(ConfigurationError::Value {
                    key,
                    value,
                    origin,
                    expected: "is not possible in this version, which stores crate files in a folder; name a folder"
                        .to_owned(),
                })
            }
            folder => Ok(folder.map(|folder| folder.value.into())),
        }
    }

    fn trusted_proxies(&mut self) -> Result<Vec<AddressRange>, ConfigurationError> {
        let key = "trusted_proxies";
        let Sourced { value, origin } = self.list(key);
        let ranges = value.iter().map(|range| range.parse());
        ranges
            .collect::<Result<_, InvalidAddressRange>>()
            .map_err(|error| ConfigurationError::Secret {
                key,
                origin,
                expected: error.to_string(),
            })
    }

    fn tls(&mut self) -> Result<Option<TlsFiles>, ConfigurationError> {
        let path = |text: Sourced<String>| Sourced {
            value: PathBuf::from(text.value),
            origin: text.origin,
        };
        let alone = |key, given: Sourced<String>, missing| ConfigurationError::Value {
            key,
            value: given.value,
            origin: given.origin,
            expected: format!("is not enough for HTTPS; name the other file with `{missing}`"),
        };
        let (certificate, key) = (self.optional("tls.certificate"), self.optional("tls.key"));
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                certificate: path(certificate),
                key: path(key),
            })),
            (Some(given), None) => Err(alone("tls.certificate", given, "tls.key")),
            (None, Some(given)) => Err(alone("tls.key", given, "tls.certificate")),
        }
    }

    fn upstream(&mut self) -> Result<UpstreamSettings, ConfigurationError> {
        let key = "upstream.allow_addresses";
        let addresses = self.list(key);
        for address in &addresses.value {
            if let Err(error) = address.parse::<AllowedAddress>() {
                return Err(ConfigurationError::Secret {
                    key,
                    origin: addresses.origin,
                    expected: error.to_string(),
                });
            }
        }
        let cache_size = self.cache_size()?;
        let read_ahead = self.parsed("upstream.read_ahead", switch)?.value;
        let mut life = |key| self.parsed(key, measure::duration).map(|life| life.value);
        Ok(UpstreamSettings {
            freshness: life("upstream.freshness")?,
            stale_while_revalidate: life("upstream.stale_while_revalidate")?,
            negative: life("upstream.negative")?,
            stale_if_error: life("upstream.stale_if_error")?,
            timeout: self.parsed("upstream.timeout", measure::patience)?.value,
            allow_addresses: addresses.value,
            read_ahead,
            cache_size,
        })
    }

    /// Not set, or zero: no limit.
    fn rate(&mut self, key: &'static str) -> Result<Option<Rate>, ConfigurationError> {
        let read = |text: &str| match text.trim() {
            "" | "0" => Ok(None),
            text => text.parse().map(Some),
        };
        let rate = self.parsed(key, |text| {
            read(text).map_err(|error: InvalidRate| error.to_string())
        })?;
        Ok(rate.value)
    }

    /// Not set: for ever.
    fn kept(&mut self, key: &'static str) -> Result<Option<Duration>, ConfigurationError> {
        let Some(Sourced { value, origin }) = self.optional(key) else {
            return Ok(None);
        };
        match measure::days(&value) {
            Ok(kept) => Ok(Some(kept)),
            Err(expected) => Err(ConfigurationError::Value {
                key,
                value,
                origin,
                expected,
            }),
        }
    }

    /// Not set: as much as there is room for.
    fn cache_size(&mut self) -> Result<Option<u64>, ConfigurationError> {
        let key = "upstream.cache_size";
        let Some(Sourced { value, origin }) = self.optional(key) else {
            return Ok(None);
        };
        match measure::size(&value) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(expected) => Err(ConfigurationError::Value {
                key,
                value,
                origin,
                expected,
            }),
        }
    }
}

fn switch(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| "is neither on nor off; write `true` or `false`".to_owned())
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("names no folder; write it as `./supercargo-data`".to_owned());
    }
    Ok(text.into())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "is not an address and a port; write it as `127.0.0.1:22746` or `[::1]:22746`".to_owned()
    })
}

/// `::ffff:0.0.0.0` is every address, too.
fn is_unspecified(address: IpAddr) -> bool {
    address.to_canonical().is_unspecified()
}

fn check_base(key: &'static str, url: &str, origin: &Origin) -> Result<(), ConfigurationError> {
    let Err(error) = Site::new(url, &[]) else {
        return Ok(());
    };
    let origin = origin.clone();
    // what stands before an `@` may be a password
    Err(if url.contains('@') {
        ConfigurationError::Secret {
            key,
            origin,
            expected: error.reason.to_owned(),
        }
    } else {
        ConfigurationError::Value {
            key,
            value: url.to_owned(),
            origin,
            expected: format!("cannot be a public URL: {}", error.reason),
        }
    })
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("is not a form of the log; write `text` or `json`".to_owned()),
    }
}

/// A bare word that is no level would be read as the name of a module and silence the rest of the log.
fn log_filter(text: &str) -> Result<String, String> {
    let is_plain = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    match EnvFilter::try_new(text) {
        Ok(_) if text.split(',').all(is_plain) => Ok(text.to_owned()),
        _ => {
            Err("is not a log level; write it as `info` or `info,supercargo_http=debug`".to_owned())
        }
    }
}
