//! The CI job: what the repository has in, a GitHub workflow or a GitLab job that checks and rehearses every change out.

use super::look::Found;

const GITHUB: &str = r#"# Says CLEARED or HOLD on every pull request. Written by `holdshort init`.
name: holdshort
on: pull_request
permissions:
  contents: read
concurrency:
  group: holdshort-${{ github.ref }}
  cancel-in-progress: true
jobs:
  holdshort:
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          fetch-depth: 2 # the merge commit and its parents
          persist-credentials: false
      # `holdshort` has to be on PATH: install it as its README says.
      - run: holdshort rehearse --record rehearsal.json # on the PostgreSQL the runner has
      - run: holdshort check --evidence rehearsal.json --format github --report markdown=holdshort.md
      - run: cat holdshort.md >> "$GITHUB_STEP_SUMMARY"
        if: always()
"#;

const GITLAB: &str = r#"# Says CLEARED or HOLD on every merge request. Written by `holdshort init`; include it in .gitlab-ci.yml:
#   include: [{local: .gitlab/holdshort.gitlab-ci.yml}]
holdshort:
  variables: { GIT_DEPTH: "0" }
  timeout: 15 minutes
  # `holdshort` and PostgreSQL's server have to be in the image.
  script:
    - holdshort rehearse --as postgres --record rehearsal.json
    - holdshort check --evidence rehearsal.json --report gitlab=gl-code-quality.json
  artifacts:
    when: always
    paths: [rehearsal.json]
    reports: { codequality: gl-code-quality.json }
  rules: [{ if: $CI_PIPELINE_SOURCE == "merge_request_event" }]
"#;

/// Paths and texts for the CI systems the repository uses.
pub fn files(found: &Found) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if found.github {
        all.push((".github/workflows/holdshort.yml", GITHUB.to_owned()));
    }
    if found.gitlab {
        all.push((".gitlab/holdshort.gitlab-ci.yml", GITLAB.to_owned()));
    }
    all
}
