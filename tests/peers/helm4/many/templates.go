package main

import (
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

type rendered struct {
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

func render(base []*archive.BufferedFile, set, t, h string) rendered {
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
		return rendered{false, []byte("Error: " + err.Error())}
	}
	return rendered{true, []byte(out["c/templates/NOTES.txt"])}
}

// templates renders each case in a copy of the chart of its own.
func templates(r request) []rendered {
	base, answers := files(r.Dir), make([]rendered, len(r.Cases))
	for i, c := range r.Cases {
		answers[i] = render(base, r.Set, c.T, c.H)
	}
	return answers
}
