//! The counters as OpenMetrics, for Prometheus and whatever else scrapes.
//!
//! Nothing is counted here: each scrape reads what the ports and workers have counted.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::problem::{Kind, Problem};
use super::reply::Answer;
use super::request::Asked;
use super::view::{PortCounters, PortView, StatusView, Traffic, WorkerView};
use crate::live::Live;

/// All metrics, as text.
pub(super) struct Metrics(String);

impl Answer for Metrics {
    const MEDIA_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const IS_TAGGED: bool = false;

    fn render(&self) -> Result<Vec<u8>, Problem> {
        Ok(self.0.clone().into_bytes())
    }
}

impl JsonSchema for Metrics {
    fn schema_name() -> Cow<'static, str> {
        "Metrics".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

pub(super) fn read(live: &Live, _: Asked) -> Result<Metrics, Problem> {
    let mut registry = Registry::with_prefix("vmq");
    registry.register_collector(Box::new(Scrape(live.status())));
    let mut out = String::new();
    text::encode(&mut out, &registry).map_err(|_| {
        let detail = "the metrics cannot be written";
        Problem::new(Kind::Internal, detail, "please report it")
    })?;
    Ok(Metrics(out))
}

/// The switch at one moment.
#[derive(Debug)]
struct Scrape(StatusView);

/// One metric of a port, with the labels beside its name.
type OfPort = (&'static str, &'static str, fn(&PortCounters) -> u64);

/// One metric of a worker.
type OfWorker = (&'static str, &'static str, fn(&WorkerView) -> u64);

const OF_PORT: [OfPort; 12] = [
    (
        "port_from_guest_frames",
        "Frames that the machine sent",
        |port| port.from_guest.frames,
    ),
    ("port_from_guest_bytes", "Bytes of those", |port| {
        port.from_guest.bytes
    }),
    (
        "port_to_guest_frames",
        "Frames that the machine was given",
        |port| port.to_guest.frames,
    ),
    ("port_to_guest_bytes", "Bytes of those", |port| {
        port.to_guest.bytes
    }),
    ("port_bytes_copied", "Bytes moved for the port", |port| {
        port.bytes_copied
    }),
    (
        "port_flooded",
        "Frames of the machine that went to every other port",
        |port| port.flooded,
    ),
    (
        "port_held",
        "Times that a frame of the machine waited for buffers",
        |port| port.held,
    ),
    (
        "port_paced",
        "Times that a ring of the machine waited until its bandwidth allowed more",
        |port| port.paced,
    ),
    (
        "port_segmented",
        "Large frames that were cut for the machine",
        |port| port.segmented,
    ),
    (
        "port_checksummed",
        "Other frames whose checksum was made for it",
        |port| port.checksummed,
    ),
    (
        "port_notifications_sent",
        "Times that the machine was notified",
        |port| port.notifications_sent,
    ),
    (
        "port_notifications_suppressed",
        "Notifications spared",
        |port| port.notifications_suppressed,
    ),
];

const OF_WORKER: [OfWorker; 9] = [
    (
        "worker_busy_nanoseconds",
        "Time of work, neither asleep nor looking in vain",
        |worker| worker.busy_ns,
    ),
    ("worker_frames", "Frames taken and finished", |worker| {
        worker.frames
    }),
    ("worker_bytes_copied", "Bytes moved", |worker| {
        worker.bytes_copied
    }),
    (
        "worker_notifications_sent",
        "Times that a machine was notified",
        |worker| worker.notifications_sent,
    ),
    (
        "worker_notifications_suppressed",
        "Notifications spared",
        |worker| worker.notifications_suppressed,
    ),
    ("worker_turns", "Rounds over its rings", |worker| {
        worker.turns
    }),
    (
        "worker_empty_turns",
        "Rounds in which no frame was finished",
        |worker| worker.empty_turns,
    ),
    ("worker_sleeps", "Times that it went to sleep", |worker| {
        worker.sleeps
    }),
    ("worker_panics", "Internal errors survived", |worker| {
        worker.panics
    }),
];

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let StatusView {
            version,
            ports,
            workers,
            uptime_seconds,
            ..
        } = &self.0;
        let help = "The program that runs";
        let mut metric = encoder.encode_descriptor("build", help, None, MetricType::Info)?;
        metric.encode_info(&[("version", version.as_str())])?;
        let help = "Seconds since the switch started";
        let metric = encoder.encode_descriptor("uptime_seconds", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(*uptime_seconds).unwrap_or(i64::MAX)).encode(metric)?;
        ports_of(ports, &mut encoder)?;
        for (name, help, value) in OF_WORKER {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (at, worker) in workers.iter().enumerate() {
                let labels = [("worker", at.to_string())];
                ConstCounter::new(value(worker)).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn ports_of(ports: &[PortView], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    type State = (&'static str, &'static str, fn(&PortView) -> bool);
    const STATES: [State; 2] = [
        ("port_connected", "A VMM is at the socket", |port| {
            port.is_connected
        }),
        ("port_up", "Frames can pass", |port| port.is_up),
    ];
    for (name, help, value) in STATES {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for port in ports {
            let labels = [("port", port.name.as_str())];
            ConstGauge::new(i64::from(value(port))).encode(metric.encode_family(&labels)?)?;
        }
    }
    for (name, help, value) in OF_PORT {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for port in ports {
            let labels = [("port", port.name.as_str())];
            ConstCounter::new(value(&port.counters)).encode(metric.encode_family(&labels)?)?;
        }
    }
    let help = "Frames not delivered";
    let mut metric = encoder.encode_descriptor("port_drops", help, None, MetricType::Counter)?;
    for port in ports {
        for (reason, frames) in &port.counters.drops {
            let labels = [("port", port.name.as_str()), ("reason", reason.as_str())];
            ConstCounter::new(*frames).encode(metric.encode_family(&labels)?)?;
        }
    }
    rules_of(ports, encoder)
}

fn rules_of(ports: &[PortView], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    type OfRule = (&'static str, &'static str, fn(&Traffic) -> u64);
    const OF_RULE: [OfRule; 2] = [
        (
            "port_rule_frames",
            "Frames that a rule of the port decided of",
            |traffic| traffic.frames,
        ),
        ("port_rule_bytes", "Bytes of those", |traffic| traffic.bytes),
    ];
    for (name, help, value) in OF_RULE {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for port in ports {
            for (at, rule) in port.counters.rules.iter().enumerate() {
                for (direction, traffic) in
                    [("from_guest", rule.from_guest), ("to_guest", rule.to_guest)]
                {
                    let labels = [
                        ("port", port.name.clone()),
                        ("rule", at.to_string()),
                        ("direction", direction.to_owned()),
                    ];
                    ConstCounter::new(value(&traffic)).encode(metric.encode_family(&labels)?)?;
                }
            }
        }
    }
    Ok(())
}
