//! After warm-up an event allocates nothing.

mod ring;

use twin::SimTime;

#[test]
fn a_warm_run_allocates_nothing() {
    let mut sim = ring::ring(0);
    sim.run_until(SimTime::from_ps(100_000_000));
    let warm = sim.handled();
    let counted = allocation_counter::measure(|| sim.run_until(SimTime::from_ps(1_000_000_000)));
    assert!(sim.handled() - warm > 100_000, "the run goes on: {}", sim.handled());
    assert_eq!(counted.count_total, 0, "allocations after warm-up");
    let mut unmeasured = ring::ring(0);
    unmeasured.run_until(SimTime::from_ps(1_000_000_000));
    assert_eq!(ring::digest(&sim), ring::digest(&unmeasured));
}
