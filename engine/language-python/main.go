// A launcher for the language host that is built here, which is too old to read `virtualenv` in Pulumi.yaml. It starts
// the host with the flags by which engines of that time passed an environment.
package main

import (
	"log"
	"os"
	"path/filepath"
	"syscall"

	"gopkg.in/yaml.v3"
)

const host = "pulumi-python-host-3.79.0"

// flags returns the flags for the project that contains `folder`, or none if it sets no `virtualenv`.
func flags(folder string) []string {
	for _, name := range []string{"Pulumi.yaml", "Pulumi.yml", "Pulumi.json"} {
		if text, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
			var project struct{ Runtime yaml.Node } // a name, or a name with options
			var runtime struct {
				Options struct{ Virtualenv string }
			}
			_ = yaml.Unmarshal(text, &project) // the engine reports errors in it
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
