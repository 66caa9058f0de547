// helm4-engine renders many small templates with Helm's own engine in one process: one request is a chart and a list of
// templates, each of which is rendered in a copy of the chart of its own, as NOTES.txt, which may hold anything.
//
// One JSON object a line in: {"dir": "chart folder", "set": "a=1,b=2", "cases": [{"t": "template", "h": "definitions"}]};
// one a line out: [{"ok": true, "text": base64 of the output or of the error}].
package main

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/strvals"
)

type request struct {
	Dir   string
	Set   string
	Cases []struct{ T, H string }
}

type answer struct {
	OK   bool   `json:"ok"`
	Text []byte `json:"text"`
}

func files(dir string) []*archive.BufferedFile {
	var out []*archive.BufferedFile
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		if name != "templates/NOTES.txt" && name != "templates/_c.tpl" {
			out = append(out, &archive.BufferedFile{Name: name, ModTime: time.Unix(0, 0), Data: data})
		}
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	return out
}

func render(base []*archive.BufferedFile, set, t, h string) answer {
	all := append([]*archive.BufferedFile{}, base...)
	all = append(all, &archive.BufferedFile{Name: "templates/NOTES.txt", Data: []byte(t)})
	if h != "" {
		all = append(all, &archive.BufferedFile{Name: "templates/_c.tpl", Data: []byte(h)})
	}
	chart, err := loader.LoadFiles(all)
	if err != nil {
		log.Fatal(err)
	}
	user := map[string]any{}
	if err := strvals.ParseInto(set, user); err != nil {
		log.Fatal(err)
	}
	options := common.ReleaseOptions{Name: "r", Namespace: "ns", Revision: 1, IsInstall: true}
	values, err := util.ToRenderValues(chart, user, options, nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := engine.Engine{}.Render(chart, values)
	if err != nil {
		return answer{false, []byte("Error: " + err.Error())}
	}
	return answer{true, []byte(out["c/templates/NOTES.txt"])}
}

func main() {
	in, out := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20)), bufio.NewWriter(os.Stdout)
	for {
		var r request
		if in.Decode(&r) != nil {
			return
		}
		base, answers := files(r.Dir), make([]answer, len(r.Cases))
		for i, c := range r.Cases {
			answers[i] = render(base, r.Set, c.T, c.H)
		}
		if err := json.NewEncoder(out).Encode(answers); err != nil {
			log.Fatal(err)
		}
		out.Flush()
	}
}
