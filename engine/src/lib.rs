//! What happens over time.
//!
//! One loop pops the earliest [`Event`], hands it to the [`Model`] it is for, and collects what that model schedules
//! through its [`Ctx`]. The order of events is total and lies in the event itself: time, then key. What comes before is
//! data (models, workload), what comes after is data (the models' state and the world they share).
//!
//! **Knows:** simulated time, the order of events, where packets are kept, and streams of chance that are addressed by seed,
//! trial, purpose and entity.
//!
//! **Never knows:** what a router, a link or a protocol is; files, the wall clock, threads; what a hypothesis is.
//!
//! ```
//! use umbra_engine::{Ctx, Event, EventKind, Model, Seeds, Simulation};
//! use twin::{SimDuration, SimTime};
//!
//! /// Passes a token on to the other of two, and counts what it saw.
//! #[derive(Clone)]
//! struct Player { other: u32, seen: u32 }
//!
//! impl Model for Player {
//!     type World = ();
//!     fn on_event(&mut self, event: Event, cx: &mut Ctx<'_>) {
//!         self.seen += 1;
//!         cx.schedule_in(SimDuration::micros(5), self.other, event.kind);
//!     }
//! }
//!
//! let players = vec![Player { other: 1, seen: 0 }, Player { other: 0, seen: 0 }];
//! let mut game = Simulation::new(players, (), Seeds::new(0).trial(0));
//! game.schedule(SimTime::ZERO, 0, EventKind::Timer { tag: 0, token: 0 });
//! game.run_until(SimTime::from_ps(12_000_000));
//! let fork = game.clone(); // a fork in mid-run
//! assert_eq!(fork.models().iter().map(|p| p.seen).collect::<Vec<_>>(), [2, 1]);
//! ```

mod chance;
mod digest;
mod event;
mod packet;
mod queue;
mod simulation;

pub use chance::{Chance, Draws, Purpose, Seeds, Stream, Trial};
pub use digest::Digest;
pub use event::{Event, EventKey, EventKind};
pub use packet::{PacketArena, PacketId};
pub use queue::EventQueue;
pub use simulation::{Ctx, Model, Simulation};
