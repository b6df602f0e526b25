//! Layout versions of trees, and how records of an older layout become those of the current one.

use std::collections::BTreeMap;

use super::backend::{Backend, Change, Place};
use super::header::{self, Header};
use super::vault::Vault;
use super::{MasterKey, Records, StoreError, Tree};
use crate::clock::Chance;

/// The store's own tree that holds each tree's layout version by name.
const LAYOUTS: u8 = 1;
const NAME: &str = "layouts";

/// Makes the records of the next layout from those of one.
pub(super) type Step = fn(Records) -> Result<Records, StoreError>;

/// The steps from a tree's first layout, which is number 1, to its current one.
pub(super) type Steps = fn(Tree) -> &'static [Step];

/// The steps of this version. A change of a tree's records appends one here, with a test from the layout
/// before.
pub(super) fn current(tree: Tree) -> &'static [Step] {
    match tree {
        Tree::Meta
        | Tree::Accounts
        | Tree::Keys
        | Tree::Activations
        | Tree::Subdomains
        | Tree::Lockouts
        | Tree::Clones => &[],
    }
}

/// The number of the layout that steps lead to.
fn version(steps: &[Step]) -> u32 {
    u32::try_from(steps.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}

/// Opens the header, or makes a new store, and brings every tree to its current layout.
pub(super) fn prepare(
    backend: &dyn Backend,
    master: &MasterKey,
    chance: &Chance,
    steps: Steps,
) -> Result<Vault, StoreError> {
    let unusable = |_| StoreError::Corrupt { tree: header::NAME };
    let mut changes = Vec::new();
    let header = if let Some(bytes) = backend.get(header::PLACE)? {
        Header::open(bytes, master)?
    } else {
        refuse_headless(backend)?;
        let header = Header::make(master, chance).map_err(unusable)?;
        changes.push((header::PLACE, Some(header.bytes.clone())));
        header
    };
    let vault = Vault::new(&header.data_key, chance).map_err(unusable)?;
    let versions = versions(backend, &vault)?;
    refuse_newer(&versions, steps)?;
    for tree in Tree::ALL {
        let found = versions.get(tree.name()).copied();
        bring(backend, &vault, (tree, steps(tree)), found, &mut changes)?;
    }
    if !changes.is_empty() {
        backend.apply(&changes)?;
        backend.barrier()?;
    }
    Ok(vault)
}

/// Records without a header cannot be opened, and must not be mistaken for a new store.
fn refuse_headless(backend: &dyn Backend) -> Result<(), StoreError> {
    let own = [header::PLACE.tree, LAYOUTS];
    for tree in own.into_iter().chain(Tree::ALL.map(Tree::number)) {
        if !backend.scan(tree)?.is_empty() {
            return Err(StoreError::Corrupt { tree: header::NAME });
        }
    }
    Ok(())
}

fn refuse_newer(versions: &BTreeMap<String, u32>, steps: Steps) -> Result<(), StoreError> {
    for (name, &found) in versions {
        let tree = Tree::ALL.into_iter().find(|tree| tree.name() == name);
        let known = tree.map_or(0, |tree| version(steps(tree)));
        if found > known {
            let what = format!("tree {name}");
            return Err(StoreError::Newer { what, found, known });
        }
    }
    Ok(())
}

fn versions(backend: &dyn Backend, vault: &Vault) -> Result<BTreeMap<String, u32>, StoreError> {
    let records = backend.scan(LAYOUTS)?.into_iter();
    records
        .map(|(place, sealed)| {
            let record = vault.open(place, &sealed).ok()?;
            let version = <[u8; 4]>::try_from(record.value).ok()?;
            Some((
                String::from_utf8(record.key).ok()?,
                u32::from_le_bytes(version),
            ))
        })
        .collect::<Option<_>>()
        .ok_or(StoreError::Corrupt { tree: NAME })
}

/// Adds the changes that bring one tree from the version that was found to its current one.
fn bring(
    backend: &dyn Backend,
    vault: &Vault,
    (tree, steps): (Tree, &[Step]),
    found: Option<u32>,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let wanted = version(steps);
    if found == Some(wanted) {
        return Ok(());
    }
    let damaged = |_| StoreError::Corrupt { tree: tree.name() };
    if let Some(found) = found {
        log::info!(
            target: "meldgate::store",
            tree = tree.name(), from = found, to = wanted;
            "bringing a tree to its current layout"
        );
        changes.extend(migrate(backend, vault, (tree, steps), found)?);
    }
    let name = tree.name().as_bytes();
    let place = vault.place(LAYOUTS, name);
    let sealed = vault
        .seal(place, name, &wanted.to_le_bytes())
        .map_err(damaged)?;
    changes.push((place, Some(sealed)));
    Ok(())
}

fn migrate(
    backend: &dyn Backend,
    vault: &Vault,
    (tree, steps): (Tree, &[Step]),
    found: u32,
) -> Result<BTreeMap<Place, Option<Vec<u8>>>, StoreError> {
    let damaged = |_| StoreError::Corrupt { tree: tree.name() };
    let mut changes = BTreeMap::new();
    let mut records = Records::new();
    for (place, sealed) in backend.scan(tree.number())? {
        let record = vault.open(place, &sealed).map_err(damaged)?;
        records.push((record.key, record.value));
        changes.insert(place, None);
    }
    let done = usize::try_from(found.saturating_sub(1)).unwrap_or(usize::MAX);
    for step in steps.iter().skip(done) {
        records = step(records)?;
    }
    for (key, value) in records {
        let place = vault.place(tree.number(), &key);
        let sealed = vault.seal(place, &key, &value).map_err(damaged)?;
        changes.insert(place, Some(sealed));
    }
    Ok(changes)
}
