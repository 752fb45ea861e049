//! A stand-in for upstream: nginx over TLS and HTTP/2 with index files and crates, near and at several distances.
//!
//! As at crates.io, index and crates have an address each, so that each needs a connection.

use std::{collections::BTreeSet, path::Path, time::Duration};

use supercargo_testkit::{KeptCrate, gzip, sparse_path};

use crate::{
    nginx::{Asked, Nginx, Setup},
    relay::Relay,
};

/// The stand-in at all its places.
pub(crate) struct StandIn {
    nginx: Nginx,
    places: Vec<Place>,
}

/// One way to it.
pub(crate) struct Place {
    round_trip: Duration,
    index: u16,
    /// nginx's own, of index and crates: what the log has.
    logged: [u16; 2],
    _relay: Option<Relay>,
}

/// What was asked over one way in a while.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    round_trip: Duration,
    asked: Vec<Asked>,
}

impl StandIn {
    /// Serves these crates with the certificate of this folder: near, and as far away as is said.
    pub(crate) fn start(
        crates: &[KeptCrate],
        certificate: &Path,
        away: &[Duration],
    ) -> anyhow::Result<Self> {
        let nginx = Nginx::start(Setup {
            sendfile: true,
            tls: Some(certificate),
            ports: 2 * (away.len() + 1),
            logs: true,
        })?;
        for found in crates {
            let path = format!("index/{}", sparse_path(&found.name.parse()?));
            let mut text = found.index_lines.join("\n");
            text.push('\n');
            nginx.put(&path, text.as_bytes())?;
            nginx.put(&format!("{path}.gz"), &gzip(text.as_bytes()))?;
            for (version, bytes) in &found.versions {
                let path = format!("crates/{}/{version}/download", found.name);
                nginx.put(&path, bytes)?;
            }
        }
        let mut places = Vec::new();
        for (number, logged) in nginx.ports().chunks_exact(2).enumerate() {
            let round_trip = number.checked_sub(1).map(|far| away[far]);
            let relay = round_trip
                .map(|time| Relay::start(time, logged))
                .transpose()?;
            let ports = relay.as_ref().map_or(logged, |relay| relay.ports());
            let json = format!("{{\"dl\":\"https://127.0.0.1:{}/crates\"}}", ports[1]);
            nginx.put_config(logged[0], &json)?;
            places.push(Place {
                round_trip: round_trip.unwrap_or_default(),
                index: ports[0],
                logged: [logged[0], logged[1]],
                _relay: relay,
            });
        }
        Ok(Self { nginx, places })
    }

    /// The way without delay.
    pub(crate) fn near(&self) -> &Place {
        &self.places[0]
    }

    /// The others, in the order in which they were named.
    pub(crate) fn far(&self) -> &[Place] {
        &self.places[1..]
    }

    /// How many questions there have been, as a mark for [`since`](Self::since).
    pub(crate) fn mark(&self) -> anyhow::Result<usize> {
        Ok(self.nginx.log()?.len())
    }

    /// What was asked over one way since a mark.
    pub(crate) fn since(&self, mark: usize, place: &Place) -> anyhow::Result<Questions> {
        let mut asked = self.nginx.log()?.split_off(mark);
        asked.retain(|asked| place.logged.contains(&asked.port));
        Ok(Questions {
            round_trip: place.round_trip,
            asked,
        })
    }
}

impl Place {
    pub(crate) fn index_url(&self) -> String {
        format!("sparse+https://127.0.0.1:{}/index/", self.index)
    }

    pub(crate) fn milliseconds(&self) -> u128 {
        self.round_trip.as_millis()
    }
}

impl Questions {
    /// Of index files and crates; `config.json` is neither.
    pub(crate) fn files(&self) -> usize {
        let is_file = |asked: &&Asked| !asked.path.ends_with("/config.json");
        self.asked.iter().filter(is_file).count()
    }

    /// For one address.
    pub(crate) fn of(&self, path: &str) -> usize {
        self.asked.iter().filter(|asked| asked.path == path).count()
    }

    fn connections(&self) -> usize {
        let connections: BTreeSet<_> = self.asked.iter().map(|asked| asked.connection).collect();
        connections.len()
    }

    /// What is to be known of those whose path starts so; nothing where there are none.
    fn told(&self, what: &str, prefix: &str) -> Option<String> {
        let asked: Vec<_> = self
            .asked
            .iter()
            .filter(|asked| asked.path.starts_with(prefix))
            .collect();
        let mut times: Vec<_> = asked.iter().map(|asked| asked.at).collect();
        times.sort_by(f64::total_cmp);
        let missing = asked.iter().filter(|asked| asked.status == 404).count();
        let missing = match missing {
            0 => String::new(),
            some => format!(" ({some} not there)"),
        };
        Some(format!(
            "{} {what}{missing} within {:.0} ms, at most {} under way, {} pauses",
            asked.len(),
            (times.last()? - times.first()?) * 1e3,
            self.under_way(&times),
            self.pauses(&times),
        ))
    }

    /// How often a round trip, or nearly one, passed without a question: all waited for an answer, or for a processor.
    fn pauses(&self, times: &[f64]) -> usize {
        let long = 0.8 * self.round_trip.as_secs_f64();
        let pauses = times.windows(2).filter(|two| two[1] - two[0] > long);
        pauses.count()
    }

    /// The most questions in a time of one round trip: so many were under way at once.
    fn under_way(&self, times: &[f64]) -> usize {
        let within = |end: &f64| {
            let start = end - self.round_trip.as_secs_f64();
            let behind = times.iter().filter(|time| (start..=*end).contains(time));
            behind.count()
        };
        times.iter().map(within).max().unwrap_or_default()
    }
}

impl std::fmt::Display for Questions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            self.told("questions for the index", "/index/"),
            self.told("for crates", "/crates/"),
        ];
        let told: Vec<_> = parts.into_iter().flatten().collect();
        if told.is_empty() {
            return f.write_str("no question");
        }
        let connections = self.connections();
        write!(f, "{}; {connections} connections", told.join("; "))
    }
}
