//! A family of series: one name, its help, and its samples.

use std::fmt;

use livebus_readiness::Durations;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// A family of series. Its name has neither the unit nor `_total`: the encoder adds both.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) unit: Option<Unit>,
    pub(crate) kind: MetricType,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Of a counter.
    Count(u64),
    /// Of a gauge.
    Whole(i64),
    /// Of a gauge.
    Number(f64),
    /// Of a gauge: 1 is yes.
    Flag(bool),
    /// Of a histogram.
    Durations(&'a Durations),
    /// Of an info: its labels are the information.
    Info,
}

/// Returns the value of a gauge.
pub(crate) fn whole(count: impl TryInto<i64>) -> Value<'static> {
    // No process has so many of anything.
    Value::Whole(count.try_into().unwrap_or(i64::MAX))
}

/// The names of labels, and their values.
pub(crate) type Labels<'a> = [(&'a str, &'a str)];

impl Family {
    /// Writes the family, unless it has no sample.
    pub(crate) fn encode<'v, L: AsRef<Labels<'v>>>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        samples: impl IntoIterator<Item = (L, Value<'v>)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let unit = self.unit.as_ref();
        let mut family = encoder.encode_descriptor(self.name, self.help, unit, self.kind)?;
        for (labels, value) in samples {
            value.encode(&mut family, labels.as_ref())?;
        }
        Ok(())
    }
}

impl Value<'_> {
    fn encode(self, family: &mut MetricEncoder<'_>, labels: &Labels<'_>) -> fmt::Result {
        if let Self::Info = self {
            return family.encode_info(&labels);
        }
        let mut sample = family.encode_family(&labels)?;
        match self {
            Self::Count(count) => sample.encode_counter::<NoLabelSet, _, u64>(&count, None),
            Self::Whole(number) => sample.encode_gauge(&number),
            Self::Number(number) => sample.encode_gauge(&number),
            Self::Flag(flag) => sample.encode_gauge(&i64::from(flag)),
            Self::Durations(durations) => {
                let buckets = durations.buckets().map(|(bound, count)| {
                    (bound.map_or(f64::INFINITY, |it| it.as_secs_f64()), count)
                });
                let buckets: Vec<_> = buckets.collect();
                let sum = durations.sum().as_secs_f64();
                sample.encode_histogram::<NoLabelSet>(sum, durations.count(), &buckets, None)
            }
            Self::Info => Ok(()),
        }
    }
}
