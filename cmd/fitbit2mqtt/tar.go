package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// This is as much of tar (POSIX.1-1988, "ustar") as it takes to write a few plain files
// and to read them again. The standard library's package knows all of it; it would bring
// the user database along, with cgo, and a hundred kilobytes for each of which there is
// no use.

const (
	tarBlock   = 512
	largestTar = 1<<33 - 1 // bytes of a file: eleven octal digits
)

var errTar = errors.New("not as tar writes it")

// tarEntry is one file.
type tarEntry struct {
	name string // at most 100 bytes
	size int64
	at   time.Time
}

// tarWriter writes entries one after the other, each with as much content as it says.
type tarWriter struct {
	io.Writer       // for the content
	padding   int64 // that the current entry needs at its end
}

// next begins an entry.
func (t *tarWriter) next(e tarEntry) error {
	if len(e.name) > 100 || e.size > largestTar {
		return fmt.Errorf("%s (%d bytes) does not fit into a tar", e.name, e.size)
	}
	b := make([]byte, t.padding+tarBlock)
	h := b[t.padding:]
	copy(h, e.name)
	copy(h[100:], "0000600\x000000000\x000000000\x00") // private, of user and group 0
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00        0", e.size, e.at.Unix()))
	copy(h[257:], "ustar\x0000")
	copy(h[148:], fmt.Sprintf("%06o\x00 ", tarSum(h)))
	t.padding = -e.size & (tarBlock - 1)
	_, err := t.Write(b)
	return err
}

func (t *tarWriter) close() error {
	_, err := t.Write(make([]byte, t.padding+2*tarBlock))
	return err
}

// tarSum counts the checksum itself as blanks.
func tarSum(header []byte) (sum int64) {
	for i, b := range header {
		if i >= 148 && i < 156 {
			b = ' '
		}
		sum += int64(b)
	}
	return sum
}

// tarReader reads entries one after the other.
type tarReader struct {
	r       io.Reader
	left    int64 // of the current entry's content
	padding int64
}

// next goes to the next plain file, and reads the current one's content from there. Errors: io.EOF
// at the end of the archive, io.ErrUnexpectedEOF before that; errTar.
func (t *tarReader) next() (tarEntry, error) {
	for {
		if _, err := io.CopyN(io.Discard, t.r, t.left+t.padding); err != nil {
			return tarEntry{}, cutShort(err)
		}
		t.left, t.padding = 0, 0
		h := make([]byte, tarBlock)
		if _, err := io.ReadFull(t.r, h); err != nil {
			return tarEntry{}, cutShort(err)
		}
		if bytes.Equal(h, make([]byte, tarBlock)) {
			return tarEntry{}, io.EOF
		}
		sum, serr := octal(h[148:156])
		size, err := octal(h[124:136])
		if errors.Join(serr, err) != nil || sum != tarSum(h) || !bytes.HasPrefix(h[257:], []byte("ustar")) {
			return tarEntry{}, errTar
		}
		t.left, t.padding = size, -size&(tarBlock-1)
		if kind := h[156]; kind == '0' || kind == 0 {
			name, _, _ := strings.Cut(string(h[:100]), "\x00")
			return tarEntry{name: name, size: size}, nil
		}
	}
}

// Read reads the current entry's content.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	n, err := t.r.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	if t.left > 0 {
		err = cutShort(err)
	}
	return n, err
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func octal(field []byte) (int64, error) {
	n, err := strconv.ParseUint(strings.Trim(string(field), " \x00"), 8, 33)
	return int64(n), err
}
