//! Policies: numbers within their bounds, names of what is there.

use switch::policy::{
    Bandwidth, Impairment, Mirror, Misfit, NetworkMode, NetworkPolicy, Rate, VlanMode, check,
    check_rule,
};

use super::{Judge, Kind, Mistake, Path};
use crate::config::wanted::PortConfig;

/// The most rules of a port, and the most addresses that it may be held to.
const MAX_RULES: usize = 256;
const MAX_ADDRESSES: usize = 256;

/// A slower port moves less than one large frame a minute.
const MIN_RATE: u64 = 10_000;

/// More than any memory moves.
const MAX_RATE: u64 = 10_000_000_000_000;

/// The most bytes that may come at once: what a link of 100 Gbit/s moves in about 80 ms.
const MAX_BURST: u64 = 1 << 30;

/// The longest delay of a line: farther than the Moon and back.
const MAX_DELAY_MS: f64 = 10_000.0;

impl Judge<'_> {
    pub(super) fn network_policy(&mut self, policy: &NetworkPolicy, path: &Path) {
        if policy.max_age_seconds == 0 {
            self.object(
                path.clone().key("max_age_seconds"),
                "addresses that are forgotten at once cannot be learnt",
                "use 1 or more; 300 is usual",
            );
        }
    }

    pub(super) fn port_policy(&mut self, port: &PortConfig, path: &Path) {
        let policy = &port.policy;
        self.vlan(port, path);
        self.bandwidth(&policy.bandwidth, &path.clone().key("bandwidth"));
        self.impairment(&policy.impairment, &path.clone().key("impairment"));
        if let Some(allowed) = &policy.allowed_addresses {
            let path = path.clone().key("allowed_addresses");
            self.at_most(allowed.len(), MAX_ADDRESSES, "addresses", path);
        }
        let rules = path.clone().key("rules");
        self.at_most(policy.rules.len(), MAX_RULES, "rules", rules.clone());
        for (at, rule) in policy.rules.iter().take(MAX_RULES).enumerate() {
            if let Err(misfit) = check_rule(rule) {
                self.misfit(misfit, &rules.clone().index(at));
            }
        }
        if let Some(mirror) = &policy.mirror {
            self.mirror(port, mirror, path.clone().key("mirror").key("to"));
        }
    }

    fn vlan(&mut self, port: &PortConfig, path: &Path) {
        let vlan = &port.policy.vlan;
        let network = self.config.network_policy(&port.network);
        if *vlan != VlanMode::Transparent
            && network.is_some_and(|network| network.mode == NetworkMode::Hub)
        {
            self.object(
                path.clone().key("vlan"),
                format!(
                    "network `{}` is a hub, which passes every tag as it is",
                    port.network
                ),
                "leave it out, or make the network a switch",
            );
        }
        let filters: Vec<_> = port.filters.iter().map(|filter| (*filter).into()).collect();
        if let Err(misfit) = check(&port.policy, &filters) {
            self.misfit(misfit, path);
        }
        if let VlanMode::Trunk { allowed, native } = vlan
            && let Some(native) = native.filter(|native| !allowed.contains(*native))
        {
            let remedy = "add it there, or leave `native` out to drop untagged frames";
            self.object(
                path.clone().key("vlan").key("trunk").key("native"),
                format!("VLAN {native} is not in `allowed`"),
                remedy,
            );
        }
    }

    fn misfit(&mut self, misfit: Misfit, path: &Path) {
        let keys = misfit.keys.iter();
        let path = keys.fold(path.clone(), |path, key| path.key(*key));
        self.object(path, misfit.problem, misfit.remedy);
    }

    fn bandwidth(&mut self, bandwidth: &Bandwidth, path: &Path) {
        self.rate(&bandwidth.from_guest, &path.clone().key("from_guest"));
        self.rate(&bandwidth.to_guest, &path.clone().key("to_guest"));
        if let Some(weight) = bandwidth.minimum_weight
            && !(1..=100).contains(&weight)
        {
            self.object(
                path.clone().key("minimum_weight"),
                format!("there is no weight of {weight}"),
                "use 1 to 100, or leave it out for 1",
            );
        }
    }

    fn rate(&mut self, rate: &Rate, path: &Path) {
        self.bits(rate.maximum, path.clone().key("maximum"));
        let Some(burst) = rate.burst else { return };
        let path = path.clone().key("burst");
        if rate.maximum.is_none() {
            let remedy = "add `maximum`, or leave it out";
            self.object(
                path.clone(),
                "a burst without a maximum limits nothing",
                remedy,
            );
        }
        // One frame of the largest size has to pass.
        let least = u64::from(switch::MAX_FRAME);
        if !(least..=MAX_BURST).contains(&burst) {
            let remedy = format!("use {least} (the largest frame) to {MAX_BURST}, or leave it out");
            self.object(path, format!("there is no burst of {burst} bytes"), remedy);
        }
    }

    fn bits(&mut self, rate: Option<u64>, path: Path) {
        if let Some(rate) = rate.filter(|rate| !(MIN_RATE..=MAX_RATE).contains(rate)) {
            let remedy = format!("use {MIN_RATE} to {MAX_RATE}, such as 100M");
            self.object(
                path,
                format!("{rate} bits a second are out of range"),
                remedy,
            );
        }
    }

    fn mirror(&mut self, port: &PortConfig, mirror: &Mirror, path: Path) {
        let to = &mirror.to;
        let own = &port.network;
        match self.config.port(to) {
            _ if *to == port.name => {
                let problem = "a port cannot be its own mirror";
                self.object(path, problem, "name another port");
            }
            None => {
                let problem = format!("there is no port `{to}`");
                let remedy = format!("name a port of network `{own}`");
                self.note(Mistake::new(path, Kind::Unknown, problem, remedy));
            }
            Some(target) if target.network != *own => {
                let problem = format!("port `{to}` is in network `{}`", target.network);
                let remedy =
                    format!("name a port of network `{own}`, for frames never leave theirs");
                self.object(path, problem, remedy);
            }
            Some(_) => {}
        }
    }

    fn impairment(&mut self, impairment: &Impairment, path: &Path) {
        let Impairment {
            delay_ms,
            jitter_ms,
            loss_percent,
            duplicate_percent,
            reorder_percent,
            rate,
            seed,
        } = *impairment;
        let within = [
            ("delay_ms", delay_ms, MAX_DELAY_MS),
            ("jitter_ms", jitter_ms, MAX_DELAY_MS),
            ("loss_percent", loss_percent, 100.0),
            ("duplicate_percent", duplicate_percent, 100.0),
            ("reorder_percent", reorder_percent, 100.0),
        ];
        for (key, value, most) in within {
            // What is no number is in no range.
            if !(0.0..=most).contains(&value) {
                let problem = format!("{value} is out of range");
                self.object(path.clone().key(key), problem, format!("use 0 to {most}"));
            }
        }
        if jitter_ms > delay_ms && delay_ms >= 0.0 {
            self.object(
                path.clone().key("jitter_ms"),
                format!("a delay of {delay_ms} ms cannot be {jitter_ms} ms shorter"),
                "use at most `delay_ms`",
            );
        }
        if reorder_percent > 0.0 && delay_ms == 0.0 {
            self.object(
                path.clone().key("reorder_percent"),
                "without a delay there is nothing to overtake",
                "add `delay_ms`",
            );
        }
        self.bits(rate, path.clone().key("rate"));
        // What TOML can write.
        if i64::try_from(seed).is_err() {
            let remedy = format!("use 0 to {}", i64::MAX);
            self.object(
                path.clone().key("seed"),
                format!("{seed} is out of range"),
                remedy,
            );
        }
    }

    fn at_most(&mut self, count: usize, most: usize, what: &str, path: Path) {
        if count > most {
            let problem = format!("{count} {what} are too many");
            self.object(path, problem, format!("a port has at most {most}"));
        }
    }
}
