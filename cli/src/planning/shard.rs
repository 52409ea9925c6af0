//! Which part of the work is ours.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::failure::Failure;

/// Shard `index` of `count`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// The shard that a batch system's variables name: Kubernetes' index counts from 0, Slurm's from the first of its
    /// array.
    pub(crate) fn from_environment(
        count: u32,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let number = |name: &str| {
            let text = variable(name)?;
            let parsed = text.trim().parse::<u32>();
            Some(parsed.map_err(|_| Failure::Usage(format!("{name} is '{text}'; expected a number"))))
        };
        let (name, index) = if let Some(index) = number("JOB_COMPLETION_INDEX") {
            ("JOB_COMPLETION_INDEX", index?)
        } else if let Some(id) = number("SLURM_ARRAY_TASK_ID") {
            let first = number("SLURM_ARRAY_TASK_MIN").transpose()?.unwrap_or(0);
            ("SLURM_ARRAY_TASK_ID", id?.saturating_sub(first))
        } else if count == 1 {
            ("", 0)
        } else {
            let what = "which shard? expected --shard K/N, JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID";
            return Err(Failure::Usage(what.into()));
        };
        if index > count {
            return Err(Failure::Usage(format!("{name} asks for shard {index} of {count}")));
        }
        Ok(Self { index: index % count, count })
    }

    /// Its scenarios, of so many: shards differ by one at most.
    pub(crate) fn range(self, scenarios: u32) -> Range<u32> {
        let at = |k: u32| (u64::from(scenarios) * u64::from(k) / u64::from(self.count)) as u32;
        at(self.index)..at(self.index + 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |(k, n): (&str, &str)| Some((k.parse::<u32>().ok()?, n.parse::<u32>().ok()?));
        match text.split_once('/').and_then(parse) {
            Some((k, n)) if n > 0 && k <= n => Ok(Self { index: k % n, count: n }),
            _ => Err("expected K/N with K from 0 to N - 1, such as 0/4".into()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_everything_once_counted_from_0_or_from_1() {
        for (scenarios, count) in [(0, 1), (5, 7), (1597, 3), (u32::MAX, 7)] {
            for first in [0, 1] {
                let shard = |k: u32| format!("{k}/{count}").parse::<Shard>().unwrap().range(scenarios);
                let mut ranges: Vec<_> = (first..first + count).map(shard).collect();
                ranges.sort_by_key(|r| (r.start, r.end));
                assert_eq!(ranges[0].start, 0);
                assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
                assert_eq!(ranges[ranges.len() - 1].end, scenarios);
            }
        }
        for wrong in ["", "1", "1/0", "4/3", "-1/3", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn batch_systems_name_the_shard() {
        let env = |set: &'static [(&str, &str)]| {
            Shard::from_environment(4, move |name| {
                set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(env(&[("JOB_COMPLETION_INDEX", "3")]).unwrap().to_string(), "3/4");
        assert_eq!(
            env(&[("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_MIN", "5")]).unwrap().to_string(),
            "2/4"
        );
        for wrong in [&[][..], &[("JOB_COMPLETION_INDEX", "5")], &[("SLURM_ARRAY_TASK_ID", "x")]] {
            assert!(matches!(env(wrong), Err(Failure::Usage(_))));
        }
    }
}
