#!/usr/bin/env bash
# The steps of the action: `fetch` the plan of what was merged, `run` the command, `publish` what it came to.
# A failure of the command is kept as an output, so that it is published before the job fails by it.
set -euo pipefail

reconciler="$RUNNER_TEMP/reconciler/bin/reconciler"
stack="${STACK:-.}"
label="${LABEL:-$stack}"
work="$RUNNER_TEMP/reconciler-${label//[^a-zA-Z0-9._-]/-}"
mkdir -p "$work"

# Lines of a text as arguments, empty ones left out; into the array `lines`.
lines_of() {
  lines=()
  local line
  while IFS= read -r line; do
    line="${line%$'\r'}"
    [ -z "$line" ] || lines+=("$line")
  done <<<"$1"
}

output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

fetch() {
  if [ "$REQUIRED" = false ] && [ "${GITHUB_EVENT_NAME:-push}" != push ]; then
    echo "Started by $GITHUB_EVENT_NAME, which merges nothing: what is planned now is applied." && return
  fi
  "$reconciler" fetch-plan "$work/fetched.json" --label "$label" \
    --report "json=$work/result.json" --report "md=$work/result.md" && return
  [ "$REQUIRED" != false ] || echo "No saved plan: what is planned now is applied."
}

run() {
  local command="${COMMAND:-plan}" code=0
  if [ "${GITHUB_EVENT_NAME:-}" = pull_request_target ]; then
    echo "::error::pull_request_target gives keys to what strangers wrote: use pull_request" && return 1
  fi
  # Somebody else's YAML is checked, and nothing is asked of the account for it.
  if [ "${GITHUB_EVENT_NAME:-}" = pull_request ] && [ "$HEAD_REPOSITORY" != "$GITHUB_REPOSITORY" ]; then
    command=validate
  fi
  lines_of "$ARGS"
  local reports=(--report "json=$work/result.json" --report "md=$work/result.md")
  [ "$command" = validate ] || reports+=(--report "html=$work/report.html" --report "sarif=$work/report.sarif")
  case "$command" in
    validate) "$reconciler" validate "$stack" "${reports[@]}" || code=$? ;;
    plan | drift)
      [ "$command" = drift ] || reports+=(-o "$work/plan.json")
      "$reconciler" "$command" "$stack" --no-color "${lines[@]}" "${reports[@]}" || code=$?
      ;;
    apply) apply || code=$? ;;
    *) echo "::error::there is no command '${command//[^a-z-]/}' here: plan, apply, drift or validate" && code=1 ;;
  esac
  output exitcode "$code"
  output command "$command"
  # All went well, and there is nothing to tell: validate has said so in the log.
  [ "$command" = validate ] && [ "$code" = 0 ] && return
  output json-path "$work/result.json"
  output markdown-path "$work/result.md"
  [ ! -f "$work/plan.json" ] || output plan-path "$work/plan.json"
  [ ! -f "$work/report.html" ] || output html-path "$work/report.html"
  [ ! -f "$work/report.sarif" ] || output sarif-path "$work/report.sarif"
  "$reconciler" publish "$work/result.json" --to github-outputs --label "$label"
}

apply() {
  local plan="${PLAN_FILE:-$work/fetched.json}"
  if [ -f "$plan" ]; then
    "$reconciler" apply "$plan" --no-color "${lines[@]}" "${reports[@]}" || told_stale $?
  elif [ "$REQUIRED" = false ]; then
    "$reconciler" apply "$stack" --auto-approve --no-color "${lines[@]}" "${reports[@]}"
  else
    echo "::error::there is no saved plan to apply; see the step before" && return 3
  fi
}

# A plan that is not what would be done any more (6) is told with what would be done now, which somebody has to review.
told_stale() {
  if [ "$1" = 6 ] && "$reconciler" plan "$stack" --no-color --report "md=$work/now.md" --limit 40000 >/dev/null; then
    {
      echo "### Not applied: the plan for \`$label\` is stale"
      tail -n +2 "$work/result.md"
      printf '\n#### What would be done now\n\nOpen a pull request for it, or start the job by hand.\n'
      tail -n +2 "$work/now.md"
    } >"$work/both.md"
    mv "$work/both.md" "$work/result.md"
  fi
  return "$1"
}

publish() {
  local ways=()
  case "$COMMAND:$COMMENT" in
    drift:* | validate:* | *:false) ;; # what is valid has no comment, so what is not could not be taken back
    *:changes-only) ways+=(--to github-comment --when changes) ;;
    *:always-new) ways+=(--to github-comment --when new) ;;
    *) ways+=(--to github-comment) ;;
  esac
  [ "$SUMMARY" = false ] || ways+=(--to github-summary)
  [ "$ANNOTATIONS" = false ] || ways+=(--to github-annotations)
  if [ "$DRIFT_ISSUE" = true ] && [ "$COMMAND" = drift ]; then
    ways+=(--to github-issue)
    lines_of "$ISSUE_LABELS"
    for it in "${lines[@]}"; do ways+=(--issue-label "$it"); done
    lines_of "$ASSIGNEES"
    for it in "${lines[@]}"; do ways+=(--assignee "$it"); done
  fi
  [ ${#ways[@]} = 0 ] || "$reconciler" publish "$RESULT" --label "$label" "${ways[@]}"
}

RESULT="$work/result.json"
"$1"
