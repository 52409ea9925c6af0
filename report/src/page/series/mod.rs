//! The page about series: what is abnormal, when, and what was expected.

mod chart;
mod data;

pub use data::{SeriesChart, SeriesIncident, SeriesPage};

use super::boxes;
use super::data::Page;
use super::format::{count, esc, since_start};
use chart::{FULL, ZOOM, draw};

impl SeriesPage {
    /// The page as one HTML document, which is also well-formed XML after its first line.
    pub fn render(&self) -> String {
        let page = Page {
            not_modelled: self.not_modelled.clone(),
            reproduce: self.reproduce.clone(),
            ..Page::default()
        };
        let main =
            [self.header(), self.worst(), self.all(), boxes::not_modelled(&page), boxes::reproduce(&page)];
        super::document(&self.title, &main.concat())
    }

    fn header(&self) -> String {
        let (class, headline) = match self.incident_count {
            0 => ("quiet", "Nothing is abnormal".to_owned()),
            1 => ("found", "One incident".to_owned()),
            n => ("found", format!("{} incidents", count(n))),
        };
        let worst = self.incidents.first().map_or_else(String::new, |incident| {
            format!(
                "The most abnormal began after {} on <em>{}</em>. ",
                since_start(incident.first as f64 * self.bin_s),
                esc(&incident.cause)
            )
        });
        let per_week = self.fa_week;
        let alarms = if per_week == 1.0 { "alarm" } else { "alarms" };
        format!(
            "<header class=\"top plan\">\n<p class=\"kicker\"><b>{}</b> {}</p>\n<div class=\"verdict {class}\">\n\
             <h1>{headline}</h1>\n<p class=\"lede\">{worst}Thresholds allow about {per_week} false {alarms} a week on each \
             series.</p>\n{}</div>\n</header>\n",
            esc(&self.title),
            esc(&self.subtitle),
            self.figures(),
        )
    }

    fn figures(&self) -> String {
        let own = [
            (count(self.anomaly_count), "anomalies of single series".to_owned()),
            (count(self.series_count), "series".to_owned()),
        ];
        let cells = own.iter().chain(&self.figures).map(|(value, what)| {
            format!("<div><dt>{}</dt><dd><b>{}</b><span></span></dd></div>\n", esc(what), esc(value))
        });
        format!("<dl class=\"figures\">\n{}</dl>\n", cells.collect::<String>())
    }

    fn worst(&self) -> String {
        if self.incidents.is_empty() {
            return String::new();
        }
        let incidents: String = self.incidents.iter().map(|incident| self.incident(incident)).collect();
        let which = match self.incident_count - self.incidents.len() as u64 {
            0 => "Incidents, the most abnormal first".to_owned(),
            _ => format!("The {} most abnormal incidents", self.incidents.len()),
        };
        format!("<section id=\"incidents\">\n<h2>{which}</h2>\n{}{incidents}</section>\n", legend())
    }

    fn incident(&self, incident: &SeriesIncident) -> String {
        let end = since_start((incident.last + 1) as f64 * self.bin_s);
        let symptoms = match incident.symptoms.len() {
            0 => String::new(),
            _ => format!(" With it: {}.", esc(&incident.symptoms.join(", "))),
        };
        let charts: String =
            incident.charts.iter().map(|c| draw(c, self.bin_s, self.train_end, &ZOOM)).collect();
        format!(
            "<figure>\n<h3>{}{}</h3>\n<div class=\"charts\">\n{charts}</div>\n<figcaption>From {} to {end}.{symptoms}\
             </figcaption>\n</figure>\n",
            esc(&incident.cause),
            if incident.outage { ": outage" } else { "" },
            since_start(incident.first as f64 * self.bin_s),
        )
    }

    fn all(&self) -> String {
        if self.series.is_empty() {
            return String::new();
        }
        let charts: String = self.series.iter().map(|c| draw(c, self.bin_s, self.train_end, &FULL)).collect();
        let left_out = match self.series_count - self.series.len() as u64 {
            0 => String::new(),
            n => format!(" {} more are left out here; all anomalies stand in the tables.", count(n)),
        };
        format!(
            "<section id=\"series\">\n<h2>The series</h2>\n<figure>\n{}<div class=\"courses\">\n{charts}</div>\n<figcaption>Those \
             with most anomalies first; each stretch is drawn from its lowest to its highest value. The grey line marks the \
             part that taught what is normal.{left_out}</figcaption>\n</figure>\n</section>\n",
            legend()
        )
    }
}

fn legend() -> String {
    "<ul class=\"legend\">\n\
     <li><svg viewBox=\"0 0 26 8\"><path class=\"obs\" d=\"M1 4H25\"/></svg>observed</li>\n\
     <li><svg viewBox=\"0 0 26 8\"><path class=\"band\" d=\"M0 0h26v8h-26z\"/><path class=\"sha\" d=\"M1 4H25\"/></svg>\
     expected ± 2σ</li>\n\
     <li><svg viewBox=\"0 0 12 8\"><path class=\"span\" d=\"M0 0h12v8h-12z\"/></svg>abnormal</li>\n</ul>\n"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> SeriesPage {
        let chart = SeriesChart {
            label: "a>b".into(),
            first: 100,
            observed: (0..50).map(f64::from).collect(),
            expected: vec![20.0; 50],
            sigma: vec![2.0; 50],
            spans: vec![(120, 123)],
        };
        SeriesPage {
            title: "s.csv".into(),
            bin_s: 300.0,
            train_end: 110,
            incident_count: 2,
            anomaly_count: 3,
            series_count: 1,
            fa_week: 1.0,
            incidents: vec![SeriesIncident {
                cause: "a>b".into(),
                outage: true,
                first: 120,
                last: 123,
                symptoms: vec!["<c>".into()],
                charts: vec![chart.clone()],
            }],
            series: vec![chart],
            ..SeriesPage::default()
        }
    }

    #[test]
    fn the_page_says_what_when_and_where() {
        let html = page().render().replace('\u{a0}', " ");
        for part in [
            "<h1>2 incidents</h1>",
            "began after 10 h",
            "<h3>a&gt;b: outage</h3>",
            "With it: &lt;c&gt;.",
            "about 1 false alarm a week",
            "class=\"span\"",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        let drawn = &html[html.find("<main>").unwrap()..html.find("<script>").unwrap()];
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }

    #[test]
    fn nothing_found_is_said() {
        let html = SeriesPage { title: "s".into(), ..SeriesPage::default() }.render();
        assert!(html.contains("<h1>Nothing is abnormal</h1>") && !html.contains("<section id=\"incidents\""));
    }
}
