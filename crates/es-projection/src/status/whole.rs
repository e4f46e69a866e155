//! One status for a projection in slices.

use es_core::SubscriberName;

use super::{Health, Lag, State, Status};

impl Status {
    /// The status of `subscriber` as its slices tell it; `None` when there are none.
    pub(crate) fn of_slices(subscriber: &SubscriberName, slices: Vec<Self>) -> Option<Self> {
        let mut all = slices.iter();
        let mut whole = Self { slice: None, slices: Vec::new(), ..all.next()?.clone() };
        whole.subscriber = subscriber.clone();
        whole.health = Health::Healthy;
        let mut known = whole.lag.is_some().then(Lag::default);
        for slice in all {
            whole.state = worse(whole.state, slice.state);
            whole.position = whole.position.min(slice.position);
            whole.alive_at = whole.alive_at.min(slice.alive_at);
            whole.rate += slice.rate;
            whole.handled += slice.handled;
            whole.parked += slice.parked;
            whole.parked_streams += slice.parked_streams;
            whole.epoch = whole.epoch.max(slice.epoch);
            if whole.owner != slice.owner {
                whole.owner = None;
            }
            let later = |trouble: &super::Trouble| Some(trouble.at);
            if slice.last_error.as_ref().and_then(later) > whole.last_error.as_ref().and_then(later)
            {
                whole.last_error = slice.last_error.clone();
            }
        }
        for slice in &slices {
            known = known.zip(slice.lag).map(|(whole, slice)| {
                Lag::new(whole.events.max(slice.events), whole.time.max(slice.time))
            });
            let subscriber = &slice.subscriber;
            whole.health = match (whole.health, &slice.health) {
                (Health::Unhealthy(why), _) => Health::Unhealthy(why),
                (_, Health::Unhealthy(why)) => Health::Unhealthy(format!("{subscriber}: {why}")),
                (Health::Degraded(why), _) => Health::Degraded(why),
                (_, Health::Degraded(why)) => Health::Degraded(format!("{subscriber}: {why}")),
                (Health::Healthy, health) => health.clone(),
                (health, _) => health,
            };
        }
        whole.lag = known;
        whole.slices = slices;
        Some(whole)
    }
}

/// Which of the two somebody should rather know of.
fn worse(one: State, other: State) -> State {
    let rank = |state| match state {
        State::Failed => 0,
        State::Fenced => 1,
        State::Stopped => 2,
        State::Starting => 3,
        State::CatchingUp => 4,
        State::Paused => 5,
        State::Live => 6,
        State::Standby => 7,
    };
    if rank(other) < rank(one) { other } else { one }
}
