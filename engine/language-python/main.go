// The language host that is built here is too old to read `virtualenv` in Pulumi.yaml. This stands in its place, and
// starts it with the flags by which engines of its time named an environment.
package main

import (
	"log"
	"os"
	"path/filepath"
	"syscall"

	"gopkg.in/yaml.v3"
)

const host = "pulumi-python-host-3.79.0"

// flags returns those of the project that `folder` is in: none where it names no environment.
func flags(folder string) []string {
	for _, name := range []string{"Pulumi.yaml", "Pulumi.yml", "Pulumi.json"} {
		if text, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
			var project struct{ Runtime yaml.Node } // a name, or a name with options
			var runtime struct {
				Options struct{ Virtualenv string }
			}
			_ = yaml.Unmarshal(text, &project) // the engine says what is wrong with it
			_ = project.Runtime.Decode(&runtime)
			if runtime.Options.Virtualenv == "" {
				return nil
			}
			return []string{"-root", folder, "-virtualenv", runtime.Options.Virtualenv}
		}
	}
	if parent := filepath.Dir(folder); parent != folder {
		return flags(parent)
	}
	return nil
}

func main() {
	here, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	arguments := append([]string{host}, flags(folder)...)
	log.Fatal(syscall.Exec(filepath.Join(filepath.Dir(here), host), append(arguments, os.Args[1:]...), os.Environ()))
}
