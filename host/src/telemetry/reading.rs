//! Metrics read from the host's parts when they are requested. The parts' own counts are not counted again here.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Returns the current readings without waiting.
pub type Readings = Arc<dyn Fn() -> Vec<Reading> + Send + Sync>;

/// One metric with a value for each set of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Without the prefix `twitchy_`, and without the suffix `_total` of a count.
    pub name: &'static str,
    pub help: &'static str,
    /// A counter only rises, from 0 at the start of the host; else a gauge.
    pub kind: MetricType,
    /// By labels. Each label has a bounded set of values: no channel, no chatter, nothing that strangers choose freely.
    pub values: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Reading {
    pub fn count(name: &'static str, help: &'static str) -> Reading {
        Reading { name, help, kind: MetricType::Counter, values: Vec::new() }
    }

    pub fn level(name: &'static str, help: &'static str) -> Reading {
        Reading { name, help, kind: MetricType::Gauge, values: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, labels: &[(&'static str, &str)], value: f64) -> Reading {
        let labels = labels.iter().map(|(key, label)| (*key, (*label).to_owned())).collect();
        self.values.push((labels, value));
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
        let mut family = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        self.values.iter().try_for_each(|(labels, value)| {
            let encoder = family.encode_family(labels)?;
            match self.kind {
                MetricType::Counter => ConstCounter::new(*value).encode(encoder),
                _ => ConstGauge::new(*value).encode(encoder),
            }
        })
    }
}
