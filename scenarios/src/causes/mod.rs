//! What is wrong with a network, told by simulation: nothing here has a formula from cause to evidence.
//!
//! One idea carries it: *a cause is a change of the network* ([`state::Change`]), and whatever it does to counters, probes
//! and flows follows by running the network with it. A class of causes ([`class`]) only says where its changes may occur
//! and how severe they may be. The same change makes an incident in the [`world`] and a hypothesis in the twin; the world's
//! traffic, queues, hashes and sensors are not the twin's.
//!
//! [`rank::rank`] reads an incident ([`observed`]) in steps: learn what is usual from its quiet part ([`summary`]); find
//! the onset ([`onset`]); run each cause once; run the leading ones many times ([`replica`]); weigh what they showed
//! ([`likelihood`]).

pub mod class;
pub mod ensemble;
mod factors;
mod formula;
pub mod likelihood;
mod luck;
pub mod observed;
pub mod onset;
mod queue;
pub mod rank;
pub mod replica;
mod settle;
pub mod stale;
pub mod state;
pub mod summary;
mod weighed;
pub mod world;
