//! What is read off the host at the moment that somebody asks for the metrics: what its parts count for themselves is not
//! counted twice.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// One metric with a value for each set of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Without `twitchy_` in front, and without the `_total` of a count.
    pub name: &'static str,
    pub help: &'static str,
    pub kind: ReadingKind,
    pub values: Vec<ReadValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingKind {
    /// Goes up only, and began with 0 at the start of the host.
    Count,
    Level,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ReadValue {
    /// Of a bounded set each: no channel, no chatter, nothing that a stranger chose freely.
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

impl Reading {
    pub fn count(name: &'static str, help: &'static str) -> Reading {
        Reading { name, help, kind: ReadingKind::Count, values: Vec::new() }
    }

    pub fn level(name: &'static str, help: &'static str) -> Reading {
        Reading { name, help, kind: ReadingKind::Level, values: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, labels: &[(&'static str, &str)], value: f64) -> Reading {
        let labels = labels.iter().map(|(key, label)| (*key, (*label).to_owned())).collect();
        self.values.push(ReadValue { labels, value });
        self
    }
}

pub(super) fn registry(readings: Vec<Reading>) -> Registry {
    let mut registry = Registry::with_prefix("twitchy");
    readings.into_iter().for_each(|reading| registry.register_collector(Box::new(reading)));
    registry
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kind = match self.kind {
            ReadingKind::Count => MetricType::Counter,
            ReadingKind::Level => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        self.values.iter().try_for_each(|ReadValue { labels, value }| {
            let encoder = family.encode_family(labels)?;
            match self.kind {
                ReadingKind::Count => ConstCounter::new(*value).encode(encoder),
                ReadingKind::Level => ConstGauge::new(*value).encode(encoder),
            }
        })
    }
}
