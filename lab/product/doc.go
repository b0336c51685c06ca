// Package product has this repository's own programs as everybody gets them: built
// from the product's module, static, and scraped.
package product
