//! Scores the analysers on rated texts: `cargo run -p sentiment --example evaluate -- DIR`.
//!
//! Every `*.tsv` in the folder is a corpus: an id, a rating and a text on each line. Ratings lie in
//! −4 to 4, or are −1, 0 and 1; beyond ±0.5 they make the classes positive and negative. Printed are
//! macro-F1 over the three classes and Pearson's r of compound and rating.

use std::path::{Path, PathBuf};
use std::{env, error, fs};

use sentiment::{Keywords, Label, Lexicon, Sentiment};

type Analyzer = (&'static str, fn(&str) -> Sentiment);

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = env::args_os().nth(1).ok_or("name a folder with *.tsv files")?;
    let analyzers: [Analyzer; 2] = [
        ("keywords", |text| Sentiment::pure(Keywords.label(text))),
        ("lexicon", |text| Lexicon.score(text)),
    ];
    println!("{:24} {:>6} {:10} {:>8} {:>8}", "corpus", "texts", "analyser", "macro-F1", "r");
    for path in corpora(Path::new(&folder))? {
        let rated = read(&path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        for (analyzer, score) in analyzers {
            let scores: Vec<Sentiment> = rated.iter().map(|(_, text)| score(text)).collect();
            let f1 = macro_f1(&rated, &scores);
            let r = pearson(&rated, &scores);
            println!("{name:24} {:6} {analyzer:10} {f1:8.3} {r:8.3}", rated.len());
        }
    }
    Ok(())
}

fn corpora(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn error::Error>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|it| it == "tsv"));
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<(f64, String)>, Box<dyn error::Error>> {
    let mut rated = Vec::new();
    for (n, line) in fs::read_to_string(path)?.lines().enumerate() {
        let mut fields = line.splitn(3, '\t').skip(1);
        let (Some(rating), Some(text)) = (fields.next(), fields.next()) else {
            return Err(format!("{}:{}: not three fields", path.display(), n + 1).into());
        };
        rated.push((rating.trim().parse()?, text.to_owned()));
    }
    Ok(rated)
}

fn class(rating: f64) -> Label {
    match rating {
        above if above > 0.5 => Label::Positive,
        below if below < -0.5 => Label::Negative,
        _ => Label::Neutral,
    }
}

fn macro_f1(rated: &[(f64, String)], scores: &[Sentiment]) -> f64 {
    let f1 = |label| {
        let pairs = || rated.iter().map(|(rating, _)| class(*rating)).zip(scores);
        let hits = pairs().filter(|(is, said)| *is == label && said.label == label).count();
        let all = pairs().filter(|(is, _)| *is == label).count();
        let said = pairs().filter(|(_, said)| said.label == label).count();
        if all + said == 0 { 0.0 } else { 2.0 * hits as f64 / (all + said) as f64 }
    };
    [Label::Positive, Label::Negative, Label::Neutral].map(f1).iter().sum::<f64>() / 3.0
}

fn pearson(rated: &[(f64, String)], scores: &[Sentiment]) -> f64 {
    let count = rated.len() as f64;
    let x_mean = rated.iter().map(|(rating, _)| rating).sum::<f64>() / count;
    let y_mean = scores.iter().map(|score| score.compound).sum::<f64>() / count;
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for ((rating, _), score) in rated.iter().zip(scores) {
        let (x, y) = (rating - x_mean, score.compound - y_mean);
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    xy / (xx * yy).sqrt()
}
