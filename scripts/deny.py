"""Checks the dependency graph against deny.toml, as `cargo deny check bans licenses sources` would.

For machines that have no cargo-deny. Reads the same file and understands the members that it uses; a member it does
not know is an error, so that nothing in deny.toml is silently without effect. Needs Python 3.11 and nothing else.
"""

import json
import re
import subprocess
import sys
import tomllib

KNOWN = {
    "graph": {"targets"},
    "advisories": None,  # cargo-audit's and cargo-deny's business: needs a data base
    "licenses": {"allow", "exceptions", "confidence-threshold", "unused-allowed-license"},
    "bans": {"multiple-versions", "wildcards", "deny", "skip", "highlight"},
    "sources": {"unknown-registry", "unknown-git"},
}


def main():
    with open("deny.toml", "rb") as file:
        rules = tomllib.load(file)
    problems = unknown_members(rules)
    packages = {}
    for target in rules["graph"]["targets"]:
        packages |= dependencies(target)
    for check in (licences, bans, versions, sources):
        problems += check(rules, packages)
    for problem in sorted(set(problems)):
        print(f"deny: {problem}", file=sys.stderr)
    print(f"deny: {len(packages)} packages, {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


def unknown_members(rules):
    known = lambda table, member: table in KNOWN and (KNOWN[table] is None or member in KNOWN[table])
    return [f"deny.toml: [{table}] {member} is unknown to scripts/deny.py"
            for table, members in rules.items() for member in members if not known(table, member)]


def dependencies(target):
    """The packages that a build for `target` uses, build scripts and tests included: id to description."""
    platform = ["--locked", "--filter-platform", target]
    metadata = json.loads(cargo("metadata", "--format-version=1", *platform))
    # Metadata lists crates that no enabled feature asks for; the tree does not.
    tree = cargo("tree", "--workspace", "--locked", "--target", target, "--edges=normal,build,dev", "--prefix=none")
    used = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    return {package["id"]: package for package in metadata["packages"]
            if (package["name"], f"v{package['version']}") in used}


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met with `allowed` alone. `A/B` is the old spelling of `A OR B`."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        met = conjunction()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = conjunction() or met
        return met

    def conjunction():
        met = term()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = term() and met
        return met

    def term():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    return alternatives() and not tokens


def licences(rules, packages):
    allowed = set(rules["licenses"]["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in rules["licenses"].get("exceptions", [])}
    problems = []
    for package in packages.values():
        expression = package["license"]
        if not expression:
            problems.append(f"{label(package)} names no licence")
        elif not satisfied(expression, allowed | exceptions.get(package["name"], set())):
            problems.append(f"{label(package)}: licence {expression} is not allowed")
    return problems


def bans(rules, packages):
    denied = {entry["crate"]: entry["reason"] for entry in rules["bans"].get("deny", [])}
    problems = [f"{label(package)} is banned: {denied[package['name']]}"
                for package in packages.values() if package["name"] in denied]
    for package in packages.values():
        if package["source"] is None:
            problems += [f"{label(package)} takes any version of {dep['name']}" for dep in package["dependencies"]
                         if dep["req"] == "*" and not dep.get("path")]
    return problems


def versions(rules, packages):
    """One version of each crate, but for those that deny.toml skips with a reason; a skip nobody needs is told too."""
    skipped = {entry["crate"] for entry in rules["bans"].get("skip", [])}
    by_name = {}
    for package in packages.values():
        by_name.setdefault(package["name"], set()).add(package["version"])
    problems, used = [], set()
    for name, found in by_name.items():
        kept = set()
        for version in found:
            matching = {skip for skip in skipped if covers(skip, name, version)}
            if matching and len(found) > 1:
                used |= matching
            else:
                kept.add(version)
        if len(kept) > 1:
            problems.append(f"{name} is there {len(kept)} times: {', '.join(sorted(kept))} (`cargo tree -i {name}@…` says for whom)")
    return problems + [f"deny.toml skips {skip}, which no longer is a duplicate" for skip in skipped - used]


def covers(skip, name, version):
    """`name@1.2` covers 1.2.x, as a requirement would."""
    wanted, _, prefix = skip.partition("@")
    return wanted == name and (not prefix or f"{version}.".startswith(f"{prefix}."))


def sources(_rules, packages):
    """Cargo's own registry or this workspace, nothing else."""
    return [f"{label(package)} comes from {package['source']}" for package in packages.values()
            if package["source"] is not None and not package["source"].endswith("/crates.io-index")]


def label(package):
    return f"{package['name']} {package['version']}"


sys.exit(main())
