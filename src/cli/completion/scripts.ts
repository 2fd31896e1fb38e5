/**
 * What the shells load. Each asks the program itself what may stand at the cursor, so that nothing
 * goes out of date; `RABBITMQ_BACKUP_COMPLETER` may name another program than the one on PATH.
 */

export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = (typeof SHELLS)[number];

const BASH = `# bash completion for rabbitmq-backup
# Load it: source <(rabbitmq-backup completions bash)
_rabbitmq_backup() {
  local line=\${COMP_LINE:0:COMP_POINT} value rest
  local -a words=()
  # Words as the shell sees them, but whole at = and :, which COMP_WORDS is cut at.
  while [[ $line =~ ^[[:space:]]*(([^[:space:]\\\\\\"\\']|\\\\.|\\"[^\\"]*\\"?|\\'[^\\']*\\'?)+)(.*)$ ]]; do
    value=\${BASH_REMATCH[1]} line=\${BASH_REMATCH[3]}
    value=\${value//[\\"\\'\\\\]/}
    words+=("$value")
  done
  [[ \${COMP_LINE:0:COMP_POINT} =~ [[:space:]]$ ]] && words+=("")
  local current=\${words[\${#words[@]}-1]}
  local cut=\${current%"\${current##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r value rest; do
    if [[ $value == :files ]]; then
      compopt -o default
      return
    fi
    value=\${value#"$cut"}
    COMPREPLY+=("$(printf %q "$value")")
  done < <("\${RABBITMQ_BACKUP_COMPLETER:-rabbitmq-backup}" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _rabbitmq_backup rabbitmq-backup
`;

const ZSH = `#compdef rabbitmq-backup
# Load it: source <(rabbitmq-backup completions zsh), behind compinit
_rabbitmq_backup() {
  local line value
  local -a values shown
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    value=\${line%%$'\\t'*}
    values+=("$value")
    if [[ $line == *$'\\t'* ]]; then shown+=("$value -- \${line#*$'\\t'}"); else shown+=("$value"); fi
  done < <("\${RABBITMQ_BACKUP_COMPLETER:-rabbitmq-backup}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  compadd -l -d shown -a values
}
compdef _rabbitmq_backup rabbitmq-backup
`;

const FISH = `# fish completion for rabbitmq-backup
# Load it: rabbitmq-backup completions fish | source
function __rabbitmq_backup_complete
    set -l program rabbitmq-backup
    set -q RABBITMQ_BACKUP_COMPLETER; and set program $RABBITMQ_BACKUP_COMPLETER
    set -l current (commandline --current-token)
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l found ($program complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$found" = ":files"
        __fish_complete_path "$current"
    else
        printf '%s\\n' $found
    end
end
complete --command rabbitmq-backup --no-files --arguments '(__rabbitmq_backup_complete)'
`;

const POWERSHELL = `# PowerShell completion for rabbitmq-backup
# Load it: rabbitmq-backup completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName rabbitmq-backup -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = if ($env:RABBITMQ_BACKUP_COMPLETER) { $env:RABBITMQ_BACKUP_COMPLETER } else { 'rabbitmq-backup' }
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or -not $wordToComplete } |
        Select-Object -Skip 1 | ForEach-Object { $_.Extent.Text.Trim('"', "'") })
    & $program complete -- @words "$wordToComplete" 2>$null | Where-Object { $_ -ne ':files' } | ForEach-Object {
        $value, $help = $_ -split "\`t", 2
        $text = if ($value -match '\\s') { "'$value'" } else { $value }
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $help)
    }
}
`;

/** The script of a shell. */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
  powershell: POWERSHELL,
};
