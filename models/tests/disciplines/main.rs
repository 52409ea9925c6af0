//! Egress disciplines against formulas, against other queues, and against what must hold whatever comes.

mod formulas;
mod invariants;
mod references;
mod station;
