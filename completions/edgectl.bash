# Written by tools/completions.py from edged/cli.
_edgectl() {
    local cur=${COMP_WORDS[COMP_CWORD]} path="" word words="" paths=""
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$path $word" in
            " status" | " models" | " models list" | " models show" | " models verify" | " models use" | " models rollback" | " models load" | " models unload" | " models remove" | " models history" | " models commit" | " models pin" | " models unpin" | " models quarantine" | " models unquarantine" | " install" | " changes" | " watch" | " infer" | " bench" | " profile" | " update" | " update check" | " update now" | " update why" | " update watch" | " update history" | " update pause" | " update resume" | " update hold" | " update import" | " publish" | " publish init" | " publish add" | " publish roll-out" | " publish halt" | " publish resume" | " publish revoke" | " publish push" | " publish verify" | " publish list" | " publish renew" | " publish sign" | " publish rotate" | " publish bundle" | " config" | " config check" | " config show" | " device" | " strategy" | " strategy show" | " strategy force" | " strategy auto" | " why" | " version") path="$path $word" ;;
        esac
    done
    case "$path" in
        "")
            words='status models install changes watch infer bench profile update publish config device strategy why version --version --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " status")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models")
            words='list show verify use rollback load unload remove history commit pin unpin quarantine unquarantine --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models list")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models show")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models verify")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models use")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --new-signature'
            paths= ;;
        " models rollback")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models load")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models unload")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models remove")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --yes'
            paths= ;;
        " models history")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --limit'
            paths= ;;
        " models commit")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models pin")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --why'
            paths= ;;
        " models unpin")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " models quarantine")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --why'
            paths= ;;
        " models unquarantine")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --why'
            paths= ;;
        " install")
            words='--name --golden --new-signature --downgrade --no-wait --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths=yes ;;
        " changes")
            words='--limit --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " watch")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " infer")
            words='--variant --preference --repeat --print-curl --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths=yes ;;
        " bench")
            words='--input --variant --seconds --requests --plot --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths=yes ;;
        " profile")
            words='--show --plot --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths=yes ;;
        " update")
            words='check now why watch history pause resume hold import --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " update check")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " update now")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " update why")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " update watch")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " update history")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --limit'
            paths= ;;
        " update pause")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --for --why'
            paths= ;;
        " update resume")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " update hold")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --until --why'
            paths= ;;
        " update import")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --source'
            paths=yes ;;
        " publish")
            words='init add roll-out halt resume revoke push verify list renew sign rotate bundle --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " publish init")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys --root-keys --threshold --expiry'
            paths=yes ;;
        " publish add")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys --name --as-version --golden --rollout --mandatory-by --changelog'
            paths=yes ;;
        " publish roll-out")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys --starts'
            paths=yes ;;
        " publish halt")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys'
            paths=yes ;;
        " publish resume")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys'
            paths=yes ;;
        " publish revoke")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys --why'
            paths=yes ;;
        " publish push")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo'
            paths=yes ;;
        " publish verify")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --root'
            paths=yes ;;
        " publish list")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo'
            paths=yes ;;
        " publish renew")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys'
            paths=yes ;;
        " publish sign")
            words='root targets --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys'
            paths=yes ;;
        " publish rotate")
            words='root targets online --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo --keys --key'
            paths=yes ;;
        " publish bundle")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --repo'
            paths=yes ;;
        " config")
            words='check show --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " config check")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths=yes ;;
        " config show")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --origin'
            paths= ;;
        " device")
            words='--all --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " strategy")
            words='show force auto --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " strategy show")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " strategy force")
            words='normal lightweight throttled critical --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config --for'
            paths= ;;
        " strategy auto")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " why")
            words='--limit --help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
        " version")
            words='--help --json --no-color --timeout --socket --data-socket --runtime-dir --state-dir --config'
            paths= ;;
    esac
    local IFS=$' \t\n'
    COMPREPLY=()
    while IFS= read -r word; do COMPREPLY+=("$word"); done \
        < <(compgen -W "$words" -- "$cur")
    if [ -n "$paths" ] && [ "${cur#-}" = "$cur" ]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done \
            < <(compgen -f -- "$cur")
    fi
}
complete -F _edgectl edgectl
