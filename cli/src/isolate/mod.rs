//! Case files of fault localisation: readers, and tables of the answers.

pub(crate) mod alarm_files;
pub(crate) mod calibrate;
pub(crate) mod fabric_files;
pub(crate) mod observed_files;
pub(crate) mod observed_tables;
pub(crate) mod page;
pub(crate) mod print;
pub(crate) mod probes;
pub(crate) mod tables;
pub(crate) mod telemetry_files;
pub(crate) mod telemetry_truth;
pub(crate) mod twin_answer;
pub(crate) mod twin_page;
pub(crate) mod twin_truth;
pub(crate) mod twin_words;
