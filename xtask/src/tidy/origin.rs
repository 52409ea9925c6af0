//! Data that came from somewhere says from where: source, licence, how it was made.

use crate::house::House;
use crate::tidy::Finding;

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut folders: Vec<&str> = house.files.keys().filter_map(|path| data_folder(path)).collect();
    folders.dedup();
    let mut findings: Vec<_> = folders
        .into_iter()
        .filter(|folder| !has_origin(house, folder))
        .map(|folder| Finding::fault(folder, "data without ORIGIN.md (source, licence, how it was made)"))
        .collect();
    for (path, text) in house.texts("ORIGIN.md") {
        let text = text.to_lowercase();
        // What was made here has the licence of the repository.
        if !["licen", "for this project"].iter().any(|mark| text.contains(mark)) {
            findings.push(Finding::fault(path, "names no licence, and does not say 'made for this project'"));
        }
    }
    findings
}

/// The folder of a data file: anything below a folder `testdata`, or below `scenarios/library`.
fn data_folder(path: &str) -> Option<&str> {
    let (folder, _) = path.rsplit_once('/')?;
    let is_data = folder.split('/').any(|part| part == "testdata") || folder.starts_with("scenarios/library");
    is_data.then_some(folder)
}

/// Whether the folder or one above it, `testdata` itself excepted, has an origin: one file may speak for a whole area,
/// and none for all of them.
fn has_origin(house: &House, folder: &str) -> bool {
    let above = std::iter::successors(Some(folder), |f| f.rsplit_once('/').map(|(up, _)| up));
    let mut within =
        above.take_while(|f| data_folder(&format!("{f}/x")).is_some() && !f.ends_with("testdata"));
    within.any(|f| house.files.contains_key(&format!("{f}/ORIGIN.md")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[&str]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|f| (*f, "Licence: MIT")).collect();
        check(&House::of(&files)).iter().map(|f| f.place.clone()).collect()
    }

    #[test]
    fn data_without_an_origin_fails() {
        assert_eq!(faults(&["testdata/pcap/a.pcap", "testdata/pcap/b.pcap"]), ["testdata/pcap"]);
        assert_eq!(faults(&["scenarios/library/clos/net.json"]), ["scenarios/library/clos"]);
        assert_eq!(faults(&["testdata/ORIGIN.md", "testdata/pcap/a.pcap"]), ["testdata", "testdata/pcap"]);
    }

    #[test]
    fn an_origin_speaks_for_the_folders_below() {
        assert!(faults(&["testdata/pcap/ORIGIN.md", "testdata/pcap/big/a.pcap"]).is_empty());
        assert!(faults(&["scenarios/library/ORIGIN.md", "scenarios/library/clos/net.json"]).is_empty());
    }

    #[test]
    fn an_origin_names_the_licence() {
        let faults = |text| check(&House::of(&[("testdata/a/ORIGIN.md", text)])).len();
        assert_eq!(faults("From the web."), 1);
        assert_eq!(faults("From the web. Licence: MIT."), 0);
        assert_eq!(faults("Made for this project."), 0);
    }
}
