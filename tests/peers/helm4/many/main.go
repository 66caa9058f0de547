// helm4-many runs the real helm command again and again in one process: the start of the program costs more than
// the work when a hundred thousand small charts are compared.
//
// One JSON object a line in: {"args": ["template", ...], "dir": "working folder"}; one a line out:
// {"rc": exit status, "out": stdout, "err": stderr}, both texts in base64.
//
// Or {"cases": [{"t": "template", "h": "definitions"}], "dir": "chart folder", "set": "a=1,b=2"}: Helm's own engine
// renders each of the templates as NOTES.txt, which may hold anything; one line out: [{"ok": true, "text": base64 of the
// output or of the error}].
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"

	helmcmd "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
)

type request struct {
	Args  []string
	Dir   string
	Set   string
	Cases []struct{ T, H string }
}

type answer struct {
	RC  int    `json:"rc"`
	Out []byte `json:"out"`
	Err []byte `json:"err"`
}

func scratch() *os.File {
	f, err := os.CreateTemp("", "helm4-many")
	if err != nil {
		log.Fatal(err)
	}
	os.Remove(f.Name())
	return f
}

func taken(f *os.File) []byte {
	f.Seek(0, io.SeekStart)
	text, err := io.ReadAll(f)
	if err != nil {
		log.Fatal(err)
	}
	f.Truncate(0)
	f.Seek(0, io.SeekStart)
	return text
}

// run is helm's own main.
func run(args []string) int {
	cmd, err := helmcmd.NewRootCmd(os.Stdout, args, helmcmd.SetupLogging)
	if err != nil {
		slog.Warn("command failed", slog.Any("error", err))
		return 1
	}
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		if cerr, ok := errors.AsType[helmcmd.CommandError](err); ok {
			return cerr.ExitCode
		}
		return 1
	}
	return 0
}

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), os.Stdout
	os.Stdout, os.Stderr = scratch(), scratch()
	kube.ManagedFieldsManager = "helm"
	log.SetOutput(os.Stderr)
	answers := json.NewEncoder(out)
	requests := json.NewDecoder(in)
	for {
		var r request
		if err := requests.Decode(&r); err != nil {
			return
		}
		if r.Cases != nil {
			answers.Encode(templates(r))
			continue
		}
		if err := os.Chdir(r.Dir); err != nil {
			log.Fatal(err)
		}
		os.Args = append([]string{"helm"}, r.Args...)
		rc := run(r.Args)
		answers.Encode(answer{rc, taken(os.Stdout), taken(os.Stderr)})
	}
}
