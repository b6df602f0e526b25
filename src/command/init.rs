//! `meldgate init`: makes what a gateway needs and what is not there. Never overwrites.

mod template;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use self::template::{Draft, beside, certificate_files};
use super::failure::Failure;
use super::keys::Made;
use super::surroundings::Surroundings;
use super::{CONFIG_FILE, folder, keys};
use crate::clock::{Chance, Clock};
use crate::config::guard::{self, Kind};
use crate::config::{Config, Places};
use crate::ids::{GatewayDomain, Invalid, Name};
use crate::listener::development;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
    /// Make the configuration file as well, for this domain, with a certificate to begin with
    #[arg(long, value_name = "NAME", value_parser = domain)]
    domain: Option<GatewayDomain>,
    /// The root account's name
    #[arg(long, value_name = "NAME", default_value = "root", value_parser = name)]
    root_account: Name,
    /// Print the root key on stdout
    #[arg(long)]
    print: bool,
}

fn domain(text: &str) -> Result<GatewayDomain, Invalid> {
    GatewayDomain::parse(text)
}

fn name(text: &str) -> Result<Name, Invalid> {
    Name::parse(text)
}

/// Makes what is not there, and says what it made.
pub(super) fn run(
    arguments: &Arguments,
    surroundings: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let file = std::path::absolute(&arguments.config)?;
    let mut maker = Maker {
        err,
        clock: Clock::system(),
        chance: Chance::system(),
    };
    let draft = match &arguments.domain {
        Some(domain) if !file.exists() => Some(Draft::new(&file, domain, &maker.chance)?),
        _ => None,
    };
    let read = draft.as_ref().map(Draft::path);
    let read = read.or(file.exists().then_some(file.as_path()));
    let places = Config::places(&surroundings.sources(read.map(Path::to_owned)))?;
    if let Some(domain) = &arguments.domain {
        same_domain(domain, &places, &file)?;
    }
    let key = maker.keys(&places, &arguments.root_account)?;
    maker.folder(&places.state_dir)?;
    if let (Some(draft), Some(domain)) = (draft, &places.domain) {
        maker.certificate(&beside(&file).tls, domain)?;
        draft.keep(&file)?;
        maker.say(Made::Now, &file, "the configuration")?;
    }
    if arguments.print {
        writeln!(out, "{}", key.expose())?;
    }
    Ok(writeln!(maker.err, "next: meldgate check")?)
}

fn same_domain(asked: &GatewayDomain, places: &Places, file: &Path) -> Result<(), Failure> {
    if places.domain.as_ref() == Some(asked) {
        return Ok(());
    }
    let is = places.domain.as_ref().map_or("none", GatewayDomain::as_str);
    Err(Failure::Kept {
        path: file.into(),
        why: format!("or the environment sets another domain than {asked} ({is}): change it there"),
    })
}

struct Maker<'a> {
    err: &'a mut dyn Write,
    clock: Clock,
    chance: Chance,
}

impl Maker<'_> {
    fn say(&mut self, made: Made, path: &Path, what: &str) -> Result<(), Failure> {
        let verb = match made {
            Made::Now => "made",
            Made::Before => "kept",
        };
        Ok(writeln!(self.err, "{verb} {}: {what}", path.display())?)
    }

    fn folder(&mut self, path: &Path) -> Result<(), Failure> {
        let made = Made::if_new(folder::private(path)?);
        self.say(made, path, "the state")
    }

    fn keys(
        &mut self,
        places: &Places,
        account: &Name,
    ) -> Result<crate::secret::AccountKey, Failure> {
        let (master, root) = (&places.master_key_file, &places.root_key_file);
        if !master.exists() && holds_something(&places.state_dir) {
            return Err(Failure::Kept {
                path: places.state_dir.clone(),
                why: format!(
                    "is sealed by a key that is not in {}: put it back",
                    master.display()
                ),
            });
        }
        for folder in [master, root].iter().filter_map(|file| file.parent()) {
            // One that is there may be readable for a group; whether it is safe, reading the keys will tell.
            if !folder.exists() {
                folder::private(folder)?;
            }
        }
        let made = keys::master(master, &self.chance)?;
        guard::verify(master, Kind::Key)?;
        let what = "the key that seals the state; keep a copy, apart from copies of the state";
        self.say(made, master, what)?;
        let (key, made) = keys::root(root, account, &self.chance)?;
        self.say(
            made,
            root,
            &format!("the key of the root account, {}", key.app),
        )?;
        Ok(key)
    }

    fn certificate(&mut self, tls: &Path, domain: &GatewayDomain) -> Result<(), Failure> {
        let before = Made::if_new(!certificate_files(tls).certificate.exists());
        let made = development::ensure(tls, domain, &[], &self.clock, &self.chance)?;
        let what = "a certificate that only those accept who trust ca.pem beside it; name a better one in [tls]";
        self.say(before, &made.leaf.certificate, what)
    }
}

fn holds_something(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}
