//! What happened to these routers? Streaming telemetry in; incidents with causes, times and probabilities out.
//!
//! A [`recording`] holds, for each port of each router, rates, counters and the states of BFD sessions. Counters become
//! [`series`] of what happened between two samples; rates are averages over the load interval and are turned back into
//! what they average ([`average`]). A [`change`] is a place and a time at which a series leaves what is usual there; changes
//! that overlap in time are one incident. For each incident, [`signs`] says of every port what changed and what did not, and
//! how often such a thing happens by chance; [`classes`] says what each class of cause would do; [`verdict`] weighs them.
//!
//! Three laws of conservation tell losses that no counter admits: what is sent into a link is received at its other end;
//! what a router takes in it puts out; a port that is down carries nothing. They hold whatever the traffic does.

pub mod average;
mod case;
pub mod change;
pub mod classes;
pub mod recording;
pub mod series;
pub mod signs;
pub mod verdict;
pub mod watch;
