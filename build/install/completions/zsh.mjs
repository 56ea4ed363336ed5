/** The completion of all programs for zsh, as one file. */
import { CANDIDATES, namesOf } from './contexts.mjs';

const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
/** Text in an _arguments specification, where colons and brackets have a meaning. */
const escaped = (text) => text.replaceAll(/[\\:[\]]/g, String.raw`\$&`);

function action(kind) {
  if (kind === 'file') return '_files';
  if (kind === 'folder') return '_files -/';
  if (kind.startsWith('words:')) return `(${kind.slice('words:'.length)})`;
  return kind === 'text' ? ' ' : `_cyrus_backups_${kind}s`;
}

function optionSpec(option) {
  const names = namesOf(option);
  const values = option.values.map(({ argument, kind }) => `:${escaped(argument)}:${action(kind)}`).join('');
  const tail = quote(`[${escaped(option.help)}]${values}`);
  const repeat = option.isRepeated ? "'*'" : '';
  if (names.length === 1) return `${repeat}${names[0]}${tail}`;
  const excluded = option.isRepeated ? "'*'" : `'(${names.join(' ')})'`;
  return `${excluded}{${names.join(',')}}${tail}`;
}

const operandSpec = ({ name, kind, isRepeated }, at) =>
  quote(`${isRepeated ? '*' : at + 1}:${escaped(name)}:${action(kind)}`);

function contextCase({ key, options, operands }) {
  const specs = [...options.map(optionSpec), ...operands.map(operandSpec)];
  return [`    ${quote(key)})`, `      _arguments -s -S \\\n        ${specs.join(' \\\n        ')} ;;`].join(
    '\n',
  );
}

/** What can be typed next in a command's name of several words, by the words before. */
function nextWords(commands) {
  const next = new Map();
  for (const { command, summary } of commands) {
    const words = command.split(' ');
    for (const [at, word] of words.entries()) {
      const typed = words.slice(0, at).join(' ');
      const isLast = at === words.length - 1;
      const entries = next.get(typed) ?? new Map();
      if (!entries.has(word)) entries.set(word, isLast ? summary : '');
      next.set(typed, entries);
    }
  }
  return next;
}

function commandCases({ name, commands }) {
  return [...nextWords(commands)].map(([typed, entries]) => {
    const list = [...entries].map(([word, summary]) => quote(`${word}:${escaped(summary)}`));
    return `    ${quote([name, typed].filter(Boolean).join(' '))}) next=(${list.join(' ')}) ;;`;
  });
}

export function zshCompletion(programs) {
  const contexts = programs.flatMap((program) => program.contexts);
  const names = programs.map(({ name }) => name);
  const commands = programs.map(
    (program) =>
      `    ${program.name}) names=(${program.commands.map(({ command }) => quote(command)).join(' ')}) ;;`,
  );
  const taking = programs.map(({ name, contexts: own }) => {
    const options = own.flatMap(({ options: specs }) =>
      specs.filter(({ values }) => values.length > 0).flatMap(namesOf),
    );
    return `    ${name}) taking=(${[...new Set(options)].join(' ')}) ;;`;
  });
  const before = programs.map(({ name, before: count }) => `    ${name}) before=${count} ;;`);
  return `#compdef ${names.join(' ')}
# Made by build/install/completions from the tables that the programs parse their command lines with.

_cyrus_backups_users() {
  local -a found=(\${(f)"$(${CANDIDATES.user})"})
  compadd -a found
}

_cyrus_backups_partitions() {
  local -a found=(\${(f)"$(${CANDIDATES.partition})"})
  compadd -a found
}

_cyrus_backups_in_context() {
  case $1 in
${contexts.map(contextCase).join('\n')}
  esac
}

_cyrus_backups() {
  local program=\${words[1]:t} context command name at
  local -a names taking next operands places parts
  local -i before
  case $program in
${commands.join('\n')}
  esac
  case $program in
${taking.join('\n')}
  esac
  case $program in
${before.join('\n')}
  esac
  # The operands that were typed, and where, without options and their values.
  for ((at = 2; at < CURRENT; at++)); do
    if [[ \${words[at]} == -* ]]; then
      (( \${taking[(Ie)\${words[at]}]} )) && ((at++))
    else
      operands+=("\${words[at]}")
      places+=($at)
    fi
  done
  context=$program
  command="\${(j: :)operands[before+1,-1]}"
  for name in "\${names[@]}"; do
    if [[ "$command " == "$name "* ]]; then
      context="$program $name"
      # _arguments counts operands: the words of the command's name are none.
      parts=(\${(z)name})
      for ((at = before + \${#parts}; at > before; at--)); do
        words[\${places[at]}]=()
        ((CURRENT--))
      done
      break
    fi
  done
  if [[ $context == $program && \${#names} -gt 0 && \${#operands} -ge $before && \${words[CURRENT]} != -* ]]; then
    if (( ! \${taking[(Ie)\${words[CURRENT-1]}]} )); then
      case "$program\${command:+ $command}" in
${programs.flatMap(commandCases).join('\n')}
      esac
      _describe command next
      return
    fi
  fi
  _cyrus_backups_in_context $context
}

_cyrus_backups "$@"
`;
}
