//! The rate that an interface reports is not the rate it has.
//!
//! Routers report an exponentially weighted average (the load interval: 5 minutes by default on IOS and IOS-XR), and the
//! collector's stamp is later than the reading. After a step at time 0 the report has moved by 1 − exp(−t/τ).

/// An exponentially weighted average with time constant `tau_s`, read `late_s` before the poll's stamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadInterval {
    /// Time constant in seconds.
    pub tau_s: f64,
    /// By how many seconds the reading is older than its stamp.
    pub late_s: f64,
}

impl LoadInterval {
    /// What the device reports after `dt_s` seconds at constant `rate`, from what it reported before.
    pub fn step(&self, reported: f64, rate: f64, dt_s: f64) -> f64 {
        rate + (reported - rate) * libm::exp(-dt_s / self.tau_s)
    }

    /// The share of a step change `since_s` seconds before the poll's stamp that the report shows.
    pub fn response(&self, since_s: f64) -> f64 {
        let seen_s = (since_s - self.late_s).max(0.0);
        1.0 - libm::exp(-seen_s / self.tau_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_to_the_response() {
        let sensor = LoadInterval { tau_s: 300.0, late_s: 30.0 };
        let mut reported = 100.0;
        for _ in 0..7 {
            reported = sensor.step(reported, 0.0, 10.0);
        }
        assert!((reported - 100.0 * (1.0 - sensor.response(100.0))).abs() < 1e-9);
        assert_eq!(sensor.response(29.0), 0.0, "the reading was taken before the step");
    }

    #[test]
    fn a_shut_interface_falls_as_a_recorded_one_did() {
        // A recorded IOS-XR port: 345,069 packet/s at its shutdown, 274,303 reported 70 s later.
        let sensor = LoadInterval { tau_s: 300.0, late_s: 0.0 };
        let reported = sensor.step(345_069.0, 0.0, 70.0);
        assert!((reported / 274_303.0 - 1.0).abs() < 0.01, "{reported}");
    }
}
