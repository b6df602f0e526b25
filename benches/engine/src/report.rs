//! The two engines side by side.

use serde_json::{Value as Json, json};

/// What is to be reached: so many times less processor time than the JavaScript engine.
fn goal(case: &str) -> Option<f64> {
    match case {
        "write" | "apply" => Some(20.0),
        "describe" | "join" | "snapshot" => Some(10.0),
        _ => None,
    }
}

/// Prints, for each case that both engines did, how many times less the native one took.
pub(crate) fn compare(lines: &[Json]) {
    for js in lines.iter().filter(|line| line["engine"] == "js") {
        let same = |line: &&Json| {
            let keys = ["case", "triples", "subjects"];
            line["engine"] == "native" && keys.iter().all(|key| line[*key] == js[*key])
        };
        let Some(native) = lines.iter().find(same) else {
            continue;
        };
        let ratio = |key: &str| Some(js[key].as_f64()? / native[key].as_f64()?);
        let case = js["case"].as_str().unwrap_or_default();
        let (goal, cpu) = (goal(case), ratio("cpu_us"));
        let met = goal.zip(cpu).map(|(goal, cpu)| cpu >= goal);
        let compared = json!({
            "ratio": case, "triples": js["triples"], "subjects": js["subjects"],
            "cpu": cpu, "wall": ratio("wall_us"), "memory": ratio("bytes"), "goal": goal, "met": met,
        });
        println!("{compared}");
        table(case, &compared);
    }
}

/// The same for people, on standard error.
fn table(case: &str, compared: &Json) {
    let number = |key: &str| compared[key].as_f64();
    let triples = compared["triples"]
        .as_u64()
        .map(|triples| format!(" of {triples}"));
    let what = format!("{case}{}", triples.unwrap_or_default());
    if let Some(memory) = number("memory") {
        eprintln!("{what:<16} {memory:>8.1} × less memory");
    }
    if let Some(cpu) = number("cpu") {
        let goal = number("goal").map(|goal| format!("goal {goal}"));
        eprintln!(
            "{what:<16} {cpu:>8.1} × less processor time  {}",
            goal.unwrap_or_default()
        );
    }
}
