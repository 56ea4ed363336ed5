/** The completion of all programs for bash, as one file. */
import { CANDIDATES, namesOf } from './contexts.mjs';

const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A function that prints a text by the words that it is called with. */
function table(name, rows) {
  const lines = rows.map(
    ([key, text]) => `    ${quote(key)}) printf '%s\\n' ${text.map(quote).join(' ')} ;;`,
  );
  return [`${name}() {`, '  case $* in', ...lines, '  esac', '}', ''].join('\n');
}

export function bashCompletion(programs) {
  const contexts = programs.flatMap((program) => program.contexts);
  const withValue = contexts.flatMap(({ key, options }) =>
    options.flatMap((option) =>
      option.values.length === 0
        ? []
        : namesOf(option).map((name) => [`${key} ${name}`, [option.values[0].kind]]),
    ),
  );
  const operands = contexts.flatMap(({ key, operands: specs }) =>
    specs.flatMap(({ kind, isRepeated }, at) => [
      [`${key} ${at}`, [kind]],
      ...(isRepeated ? [[`${key} more`, [kind]]] : []),
    ]),
  );
  return [
    '# Completion of cyrus-backups, backupd, ctl_backups, cyr_backup and restore for bash.',
    '# Made by build/install/completions from the tables that the programs parse their command lines with.',
    '',
    table(
      '_cyrus_backups_commands',
      programs
        .map(({ name, commands }) => [name, commands.map(({ command }) => command)])
        .filter(([, list]) => list.length > 0),
    ),
    table(
      '_cyrus_backups_before',
      programs.filter(({ before }) => before > 0).map(({ name, before }) => [name, [String(before)]]),
    ),
    table(
      '_cyrus_backups_options',
      contexts.map(({ key, options }) => [key, options.flatMap(namesOf)]),
    ),
    '# The kind of the value that an option takes; nothing for a flag.',
    table('_cyrus_backups_value', withValue),
    table('_cyrus_backups_operand', operands),
    LOGIC,
  ].join('\n');
}

const LOGIC = `_cyrus_backups_propose() {
  local IFS=$'\\n' list=
  case $1 in
    file) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    folder) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
    user) list=$(${CANDIDATES.user}) ;;
    partition) list=$(${CANDIDATES.partition}) ;;
    words:*) list=\${1#words:}; list=\${list// /$IFS} ;;
  esac
  COMPREPLY=($(compgen -W "$list" -- "$cur"))
}

_cyrus_backups() {
  local program=\${1##*/} cur=\${COMP_WORDS[COMP_CWORD]} at word context command first
  local -a operands=() names=()
  COMPREPLY=()
  # The operands that were typed, without options and their values.
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ $word == -* ]]; then
      [[ -z $(_cyrus_backups_value "$program" "$word") ]] || ((at++))
    else
      operands+=("$word")
    fi
  done
  context=$program
  local before
  before=$(_cyrus_backups_before "$program")
  mapfile -t names < <(_cyrus_backups_commands "$program")
  command="\${operands[*]:\${before:-0}}"
  for word in "\${names[@]}"; do
    if [[ "$command " == "$word "* ]]; then
      context="$program $word"
      first=($word)
      operands=("\${operands[@]:0:\${before:-0}}" "\${operands[@]:\${before:-0}+\${#first[@]}}")
      break
    fi
  done
  local value
  value=$(_cyrus_backups_value "$context" "\${COMP_WORDS[COMP_CWORD-1]}")
  if [[ -n $value ]]; then
    _cyrus_backups_propose "$value"
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$(_cyrus_backups_options "$context")" -- "$cur"))
  elif [[ $context == "$program" && \${#names[@]} -gt 0 && \${#operands[@]} -ge \${before:-0} ]]; then
    # The words of the commands' names that go on from those that were typed.
    for word in "\${names[@]}"; do
      if [[ -z $command ]]; then word=\${word%% *}; elif [[ $word == "$command "* ]]; then word=\${word#"$command "}; else continue; fi
      [[ " \${COMPREPLY[*]} " == *" $word "* ]] || COMPREPLY+=("$word")
    done
    COMPREPLY=($(compgen -W "\${COMPREPLY[*]}" -- "$cur"))
  else
    value=$(_cyrus_backups_operand "$context" "\${#operands[@]}")
    _cyrus_backups_propose "\${value:-$(_cyrus_backups_operand "$context" more)}"
  fi
}

complete -F _cyrus_backups cyrus-backups backupd ctl_backups cyr_backup restore
`;
