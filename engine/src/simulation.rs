//! The loop.

use twin::{SimDuration, SimTime};

use crate::{Event, EventKey, EventKind, EventQueue, Trial};

/// How one kind of entity behaves.
///
/// An enum over the kinds of a simulation is the usual implementor: forking a warmed-up run is then `.clone()`.
pub trait Model: Clone {
    /// What all entities of one simulation share: tables that they read, state of the medium between them, tallies. `()`
    /// where there is nothing.
    type World: Clone;

    /// Reacts to an event. `cx` is the only door to anything outside the model.
    fn on_event(&mut self, event: Event, cx: &mut Ctx<'_, Self::World>);
}

/// A run: models, the world they share, and pending events. `Clone` forks it in mid-run; the fork and the original go on
/// independently, and alike if nothing is changed.
#[derive(Clone, Debug)]
pub struct Simulation<M: Model> {
    now: SimTime,
    models: Vec<M>,
    world: M::World,
    queue: EventQueue,
    chance: Trial,
    /// Events scheduled so far by the outside (0) and by each entity (its index + 1).
    scheduled: Vec<u64>,
    handled: u64,
}

impl<M: Model> Simulation<M> {
    /// A run at time zero, with nothing pending.
    pub fn new(models: Vec<M>, world: M::World, chance: Trial) -> Self {
        let scheduled = vec![0; models.len() + 1];
        Self { now: SimTime::ZERO, models, world, queue: EventQueue::new(), chance, scheduled, handled: 0 }
    }

    /// Schedules an event from outside.
    ///
    /// # Panics
    /// If it lies in the past, or `to` is no entity.
    pub fn schedule(&mut self, at: SimTime, to: u32, kind: EventKind) {
        let key = EventKey::of_source(0, self.scheduled[0]);
        self.scheduled[0] += 1;
        self.schedule_keyed(at, key, to, kind);
    }

    /// Schedules an event from outside whose tie-break the workload defines.
    ///
    /// # Panics
    /// If it lies in the past, or `to` is no entity.
    pub fn schedule_keyed(&mut self, at: SimTime, key: EventKey, to: u32, kind: EventKind) {
        assert!((to as usize) < self.models.len(), "no entity {to} among {}", self.models.len());
        assert!(at >= self.now, "event at {at:?} scheduled in the past of {:?}", self.now);
        self.queue.push(Event { at, key, to, kind });
    }

    /// Handles all events up to and including `until`; the clock then stands at `until`. Two calls in a row do what one
    /// call to the later instant does.
    pub fn run_until(&mut self, until: SimTime) {
        let Self { models, world, queue, chance, scheduled, handled, .. } = self;
        while let Some(event) = queue.pop_until(until) {
            *handled += 1;
            let mut cx = Ctx {
                now: event.at,
                me: event.to,
                world: &mut *world,
                queue: &mut *queue,
                scheduled: &mut scheduled[event.to as usize + 1],
                chance: *chance,
            };
            models[event.to as usize].on_event(event, &mut cx);
        }
        self.now = self.now.max(until);
    }

    /// The clock.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// When the next event is due; `None` when nothing is pending.
    pub fn next_at(&mut self) -> Option<SimTime> {
        self.queue.next_at()
    }

    /// The entities, by the index that events name.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The entities, to set up or to change from outside between two calls of [`run_until`](Self::run_until).
    pub fn models_mut(&mut self) -> &mut [M] {
        &mut self.models
    }

    /// What the entities share.
    pub fn world(&self) -> &M::World {
        &self.world
    }

    /// What the entities shared, when the run is over.
    pub fn into_world(self) -> M::World {
        self.world
    }

    /// What the entities share, to set up or to change from outside between two calls of
    /// [`run_until`](Self::run_until).
    pub fn world_mut(&mut self) -> &mut M::World {
        &mut self.world
    }

    /// Events handled so far.
    pub fn handled(&self) -> u64 {
        self.handled
    }
}

/// A model's only door to the outside during an event.
#[derive(Debug)]
pub struct Ctx<'a, W = ()> {
    now: SimTime,
    me: u32,
    /// What the entities share.
    pub world: &'a mut W,
    queue: &'a mut EventQueue,
    scheduled: &'a mut u64,
    chance: Trial,
}

impl<W> Ctx<'_, W> {
    /// The instant of the event.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The entity that handles the event.
    pub fn me(&self) -> u32 {
        self.me
    }

    /// Where streams of chance are opened. A model opens its own once and keeps it.
    pub fn chance(&self) -> Trial {
        self.chance
    }

    /// Schedules an event after `delay`, with the default key.
    pub fn schedule_in(&mut self, delay: SimDuration, to: u32, kind: EventKind) {
        let key = EventKey::of_source(self.me + 1, *self.scheduled);
        *self.scheduled += 1;
        self.schedule_keyed(self.now + delay, key, to, kind);
    }

    /// Schedules an event whose tie-break the workload defines.
    ///
    /// # Panics
    /// If it lies in the past.
    #[inline]
    pub fn schedule_keyed(&mut self, at: SimTime, key: EventKey, to: u32, kind: EventKind) {
        self.queue.push(Event { at, key, to, kind });
    }
}
