package remediator

import (
	"context"
	"io"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

var shells = []string{"bash", "zsh", "fish"}

// completions are scripts that ask the program itself what could come next:
// kingpin answers --completion-bash with one word a line.
var completions = map[string]string{
	// bash takes --flag=value for three words; they are put together again.
	"bash": `_headroom_remediator() {
    local IFS=$'\n' word= last= words=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if [[ ${#words[@]} -gt 0 && ( $word == = || $last == = ) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        last=$word
    done
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" --completion-bash "${words[@]}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _headroom_remediator headroom-remediator
`,
	"zsh": `#compdef headroom-remediator
_headroom_remediator() {
    local -a words_that_fit
    words_that_fit=(${(f)"$("${words[1]}" --completion-bash "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    compadd -a words_that_fit
}
compdef _headroom_remediator headroom-remediator
`,
	"fish": `function __headroom_remediator
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] --completion-bash $words[2..-1] 2>/dev/null
end
complete -c headroom-remediator -f -a '(__headroom_remediator)'
`,
}

// hintTimeout is how long a person who presses tab waits for what cannot be
// read.
const hintTimeout = 500 * time.Millisecond

// hint returns what pick finds in the cases, or nothing where there are none to
// be had. It is asked once the flags have their values.
func (s *settings) hint(pick func([]headroom.Case) []string) func() []string {
	return func() []string {
		ctx, cancel := context.WithTimeout(context.Background(), hintTimeout)
		defer cancel()
		quiet := *s
		quiet.stderr = io.Discard
		st, err := quiet.state(ctx)
		if err != nil {
			return nil
		}
		return pick(st.Cases)
	}
}

// known are all signals with a case, and all episodes.
func known(cases []headroom.Case) (words []string) {
	for _, c := range cases {
		words = append(words, string(c.Signal))
		for _, ep := range c.Episodes {
			words = append(words, ep.ID)
		}
	}
	return words
}

// open are the signals with an episode that is not over, and these episodes.
func open(cases []headroom.Case) (words []string) {
	for i := range cases {
		if ep := cases[i].Open(); ep != nil {
			words = append(words, string(cases[i].Signal), ep.ID)
		}
	}
	return words
}

// awaiting are the episodes that wait for approval.
func awaiting(cases []headroom.Case) (words []string) {
	for i := range cases {
		if ep := cases[i].Open(); ep != nil && ep.Pending != nil {
			words = append(words, ep.ID)
		}
	}
	return words
}

// plans are the plans that wait for approval.
func plans(cases []headroom.Case) (words []string) {
	for i := range cases {
		if ep := cases[i].Open(); ep != nil && ep.Pending != nil {
			words = append(words, short(ep.Pending.Plan))
		}
	}
	return words
}
