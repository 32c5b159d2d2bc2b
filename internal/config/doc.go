// Package config owns the extender's versioned configuration file: what it may
// hold, the defaults, the checks and how it is printed.
//
// It must not read flags or the environment, open connections, or act on what
// it read; the only files it opens are the configuration and those that it
// names.
package config
