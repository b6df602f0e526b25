//! The `meldgate` command.

use std::process::ExitCode;

use meldgate::command::{self, Surroundings};

fn main() -> ExitCode {
    let surroundings = Surroundings::new(std::env::vars_os());
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let code = command::run(std::env::args_os(), &surroundings, &mut out, &mut err);
    ExitCode::from(code)
}
