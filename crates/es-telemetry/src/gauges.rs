//! Values that are asked for when somebody collects.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use es_core::{Gauge, GaugeSource, spans};
use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};

use crate::catalogue::{
    Metric, MetricKind,
    attributes::{LOG, POOL, POOL_STATE, STORE, TOPIC},
    metrics,
};

/// Who is asked. Clones share the list.
#[derive(Clone, Default)]
pub(crate) struct Sources(Arc<Mutex<Vec<Weak<dyn GaugeSource>>>>);

impl Sources {
    pub(crate) fn add(&self, source: Weak<dyn GaugeSource>) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|source| source.strong_count() > 0);
        sources.push(source);
    }

    fn each(&self, mut take: impl FnMut(Gauge<'_>)) {
        // Whoever is asked may end here, and what that does is not for under the lock.
        let sources: Vec<_> = {
            let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sources.iter().filter_map(Weak::upgrade).collect()
        };
        for source in sources {
            source.gauges(&mut take);
        }
    }

    /// Lets `meter` ask for all of them.
    pub(crate) fn observe_with(&self, meter: &Meter) {
        self.numbers(meter, metrics::APPEND_QUEUE, |gauge, tell| {
            if let Gauge::Queue { store, name, appends, .. } = gauge {
                tell(appends as u64, &of_log(store, name));
            }
        });
        self.numbers(meter, metrics::APPEND_QUEUE_MAX, |gauge, tell| {
            if let Gauge::Queue { store, name, max, .. } = gauge {
                tell(max as u64, &of_log(store, name));
            }
        });
        self.numbers(meter, metrics::POOL_CONNECTIONS, |gauge, tell| {
            if let Gauge::Pool { name, used, idle, .. } = gauge {
                for (state, count) in [("used", used), ("idle", idle)] {
                    let pool = KeyValue::new(POOL, name.to_owned());
                    tell(count as u64, &[pool, KeyValue::new(POOL_STATE, state)]);
                }
            }
        });
        self.numbers(meter, metrics::POOL_MAX, |gauge, tell| {
            if let Gauge::Pool { name, max, .. } = gauge {
                tell(max as u64, &[KeyValue::new(POOL, name.to_owned())]);
            }
        });
        self.numbers(meter, metrics::POOL_PENDING, |gauge, tell| {
            if let Gauge::Pool { name, waiting, .. } = gauge {
                tell(waiting as u64, &[KeyValue::new(POOL, name.to_owned())]);
            }
        });
        self.numbers(meter, metrics::BUS_PENDING, |gauge, tell| match gauge {
            Gauge::Messages { subscription, pending } => {
                let group = KeyValue::new(spans::MESSAGING_GROUP, subscription.to_owned());
                tell(pending as u64, &[group]);
            }
            Gauge::Group { topic, group, work: Some(work), .. } => {
                tell(work.pending, &of_group(topic, group));
            }
            _ => {}
        });
        self.observe_subscribers(meter);
        self.observe_relays(meter);
        self.observe_groups(meter);
    }

    fn observe_relays(&self, meter: &Meter) {
        self.numbers(meter, metrics::RELAY_LAG, |gauge, tell| {
            if let Gauge::Relay { relay, lag: Some(lag), .. } = gauge {
                tell(lag, &of_relay(relay));
            }
        });
        self.numbers(meter, metrics::RELAY_PARKED, |gauge, tell| {
            if let Gauge::Relay { relay, parked_streams, .. } = gauge {
                tell(parked_streams, &of_relay(relay));
            }
        });
        self.numbers(meter, metrics::RELAY_HEALTHY, |gauge, tell| {
            if let Gauge::Relay { relay, is_healthy, .. } = gauge {
                tell(u64::from(is_healthy), &of_relay(relay));
            }
        });
        self.seconds(meter, metrics::RELAY_LAG_TIME, |gauge, tell| {
            if let Gauge::Relay { relay, lag_time: Some(time), .. } = gauge {
                tell(time.as_secs_f64(), &of_relay(relay));
            }
        });
    }

    fn observe_groups(&self, meter: &Meter) {
        self.numbers(meter, metrics::BUS_LAG, |gauge, tell| {
            if let Gauge::Group { topic, group, work: Some(work), .. } = gauge {
                tell(work.lag, &of_group(topic, group));
            }
        });
        self.seconds(meter, metrics::BUS_LAG_TIME, |gauge, tell| {
            if let Gauge::Group { topic, group, work: Some(work), .. } = gauge
                && let Some(time) = work.lag_time
            {
                tell(time.as_secs_f64(), &of_group(topic, group));
            }
        });
        self.numbers(meter, metrics::BUS_PARKED, |gauge, tell| {
            if let Gauge::Group { topic, group, work: Some(work), .. } = gauge {
                tell(work.dead_letters, &of_group(topic, group));
            }
        });
        self.numbers(meter, metrics::BUS_HEALTHY, |gauge, tell| {
            if let Gauge::Group { topic, group, is_healthy, .. } = gauge {
                tell(u64::from(is_healthy), &of_group(topic, group));
            }
        });
    }

    fn observe_subscribers(&self, meter: &Meter) {
        self.numbers(meter, metrics::PROJECTION_LAG, |gauge, tell| {
            if let Gauge::Subscriber { subscriber, lag: Some(lag), .. } = gauge {
                tell(lag, &of_subscriber(subscriber));
            }
        });
        self.numbers(meter, metrics::PROJECTION_PARKED, |gauge, tell| {
            if let Gauge::Subscriber { subscriber, parked, .. } = gauge {
                tell(parked, &of_subscriber(subscriber));
            }
        });
        self.numbers(meter, metrics::PROJECTION_HEALTHY, |gauge, tell| {
            if let Gauge::Subscriber { subscriber, is_healthy, .. } = gauge {
                tell(u64::from(is_healthy), &of_subscriber(subscriber));
            }
        });
        self.seconds(meter, metrics::PROJECTION_LAG_TIME, |gauge, tell| {
            if let Gauge::Subscriber { subscriber, lag_time: Some(time), .. } = gauge {
                tell(time.as_secs_f64(), &of_subscriber(subscriber));
            }
        });
    }

    fn seconds(
        &self,
        meter: &Meter,
        metric: Metric,
        each: impl Fn(Gauge<'_>, &dyn Fn(f64, &[KeyValue])) + Send + Sync + 'static,
    ) {
        debug_assert!(metric.kind == MetricKind::Gauge && metric.unit == "s");
        let sources = self.clone();
        let gauge = meter.f64_observable_gauge(metric.name).with_unit(metric.unit);
        let gauge = gauge.with_description(metric.meaning).with_callback(
            move |instrument: &dyn AsyncInstrument<f64>| {
                let tell = |value, attributes: &[KeyValue]| instrument.observe(value, attributes);
                sources.each(|gauge| each(gauge, &tell));
            },
        );
        let _kept_by_the_meter = gauge.build();
    }

    fn numbers(
        &self,
        meter: &Meter,
        metric: Metric,
        each: impl Fn(Gauge<'_>, &dyn Fn(u64, &[KeyValue])) + Send + Sync + 'static,
    ) {
        debug_assert!(metric.kind == MetricKind::Gauge);
        let sources = self.clone();
        let gauge = meter.u64_observable_gauge(metric.name).with_unit(metric.unit);
        let gauge = gauge.with_description(metric.meaning).with_callback(
            move |instrument: &dyn AsyncInstrument<u64>| {
                let tell = |value, attributes: &[KeyValue]| instrument.observe(value, attributes);
                sources.each(|gauge| each(gauge, &tell));
            },
        );
        let _kept_by_the_meter = gauge.build();
    }
}

fn of_log(store: &str, name: &str) -> [KeyValue; 2] {
    [KeyValue::new(STORE, store.to_owned()), KeyValue::new(LOG, name.to_owned())]
}

fn of_relay(relay: &str) -> [KeyValue; 1] {
    [KeyValue::new(spans::MESSAGING_DESTINATION, relay.to_owned())]
}

fn of_group(topic: &str, group: &str) -> [KeyValue; 2] {
    let group = KeyValue::new(spans::MESSAGING_GROUP, group.to_owned());
    [KeyValue::new(TOPIC, topic.to_owned()), group]
}

fn of_subscriber(subscriber: &str) -> [KeyValue; 1] {
    [KeyValue::new(spans::PROJECTION, subscriber.to_owned())]
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_tuple("Sources").field(&count).finish()
    }
}
