//! `holdshort facts`: a range in, everything that was read of it as one JSON document out.

use super::check::open;
use super::print;
use crate::cli::RangeArgs;
use crate::error::{Error, ExitCode};
use crate::facts;
use crate::report::json_text;

pub fn run(args: &RangeArgs) -> Result<ExitCode, Error> {
    let (change, settings, _) = open(args)?;
    let facts = facts::document(&crate::gather(change, settings)?);
    print(|out| json_text::write(&facts, out))?;
    Ok(ExitCode::Cleared)
}
