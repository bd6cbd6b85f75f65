package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image/png"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"imapfs/fs"
	"imapfs/imapbackend/demo"
)

// startDemo mounts the demo's account until end is called.
func startDemo(t *testing.T, mountpoint string) (server *demo.Server, end func()) {
	t.Helper()
	server, err := demo.Start()
	if err != nil {
		t.Fatal(err)
	}
	m, err := mountDemo(context.Background(), server, mountpoint, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		server.Close()
		t.Fatal(err)
	}
	return server, func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
		m.wait()
		server.Close()
	}
}

// TestDemoScreen does what the screen says, at a path that has to be quoted.
func TestDemoScreen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, end := startDemo(t, dir)
	defer end()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	_, commands, _ := strings.Cut(screen(dir), "Try in")
	ran := 0
	for line := range strings.Lines(commands) {
		command := strings.TrimSpace(line)
		if !strings.HasPrefix(line, "  ") || strings.HasPrefix(command, "#") {
			continue
		}
		var out, complaints bytes.Buffer
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil || out.Len() == 0 || complaints.Len() > 0 {
			t.Errorf("%s: %v, %d bytes, %s", command, err, out.Len(), complaints.String())
		}
		ran++
	}
	if ran != len(demoCommands) {
		t.Errorf("%d commands of %d are on the screen; make setup installs what is missing", ran, len(demoCommands))
	}
}

// TestDemoTree finds every name and text readable, and every file whole.
func TestDemoTree(t *testing.T) {
	dir := t.TempDir()
	_, end := startDemo(t, dir)
	defer end()

	messages, found := 0, walk(t, dir)
	for path := range found {
		if strings.Contains(path, "=?") || strings.ContainsRune(path, '\uFFFD') || strings.Contains(path, "no-sender") {
			t.Errorf("%s is no name", path)
		}
		name := filepath.Join(dir, path)
		data, _ := os.ReadFile(name) // of a directory, none
		switch filepath.Ext(path) {
		case ".txt", ".html":
			if len(data) == 0 || bytes.Contains(data, []byte("\uFFFD")) || bytes.Contains(data, []byte("=?")) {
				t.Errorf("%s is not readable: %q", path, data)
			}
		case ".pdf":
			if !bytes.HasPrefix(data, []byte("%PDF-")) {
				t.Errorf("%s is no PDF", path)
			}
		case ".png":
			if _, err := png.Decode(bytes.NewReader(data)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		case ".docx":
			if _, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		case ".ics", ".csv":
			if len(data) == 0 {
				t.Errorf("%s is empty", path)
			}
		default:
			if !found[path].Mode.IsDir() {
				t.Errorf("what is %s?", path)
			}
		}
		if attribute(t, name, "user.imap.uid") != "" {
			messages++
		}
	}
	if messages < 40 {
		t.Errorf("%d messages", messages)
	}
	for path, text := range map[string]string{
		"INBOX/2026-03-02_1631_Jürgen-Müller_Rechnung-Nr-4711-über-Türbeschläge_5/body.txt":                  "die Straße\nschöner als",
		"INBOX/2026-03-02_1631_Jürgen-Müller_Rechnung-Nr-4711-über-Türbeschläge_5/Rechnung Türbeschläge.pdf": "4711",
		"INBOX/2026-03-04_0912_田中-美咲_会議の件_6/body.txt":                                                        "議事録をお送りします",
		"INBOX/2026-03-04_0912_田中-美咲_会議の件_6/header.txt":                                                      "From: 田中 美咲 <misaki@example.jp>\n",
		"INBOX/2026-03-04_0912_田中-美咲_会議の件_6/議事録.pdf":                                                         "Minutes",
		"INBOX/2026-03-11_0740_Дмитрий-Орлов_Расчёт-фундамента_7/body.txt":                                   "запас прочности",
		"INBOX/2026-03-11_0740_Дмитрий-Орлов_Расчёт-фундамента_7/расчёт.csv":                                 "ось,нагрузка кН,запас\n",
		"INBOX/2026-03-19_0525_अमित-कुमार_अगली-बैठक-पुस्तकालय-की-छत_8/बैठक की कार्यसूची.docx":                "word/document.xml",
		"INBOX/2026-04-02_1318_ليلى-حداد_صور-من-الموقع_9/body.txt":                                           "السقالة ستُرفع",
		"INBOX/2026-04-02_1318_ليلى-حداد_صور-من-الموقع_9/مخطط الطابق الأول.png":                              "PNG",
		"INBOX/2026-04-05_1702_Elin-Lindqvist_Mormor-fyller-80-år_10/header.txt":                             "Subject: 🎉 Mormor fyller 80 år!\n",
		"INBOX/2026-04-05_1702_Elin-Lindqvist_Mormor-fyller-80-år_10/🎂 tårtan i fjol.png":                    "PNG",
		"INBOX/2026-05-20_1231_Mail-Delivery-Subsystem_Undelivered-Mail-Returned-to-Sender_12/part-2.txt":    "Status: 5.1.1",
		"INBOX/2026-07-08_1147_Night-Rail_Your-tickets-to-Oslo_16/ticket (2).pdf":                            "berth 22",
		"INBOX/2026-06-11_1820_Farid-Rahimi_Fwd-Fwd-Fwd-Keys-to-the-boathouse_14/2_Fwd-Fwd-Keys-to-the-boathouse/" +
			"2.2_Fwd-Keys-to-the-boathouse/2.2.2_Keys-to-the-boathouse/body.txt": "The plan shows the door",
		"Projects/京都 2026/2026-04-10_0642_旅館-竹の家_ご予約確認書_2/予約確認書 二〇二六年十一月 竹の間.pdf": "bamboo room",
		"Projects/京都 2026/2026-09-10_0926_김민준_발표-자료-초안_4/body.txt":                "고래 그림은",
	} {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !bytes.Contains(data, []byte(text)) {
			t.Errorf("%s does not say %q: %v", path, text, err)
		}
	}
	one := filepath.Join(dir, "INBOX/2026-02-09_0814_Alice-Smith_Q1-report_1")
	if flags := attribute(t, one, "user.imap.flags"); flags != `\Flagged \Seen` {
		t.Errorf("the first message is flagged %s", flags)
	}
}

// TestDemoLive sees mail that arrives, each of it, and everything ended.
func TestDemoLive(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	server, end := startDemo(t, dir)
	list := func() []os.DirEntry {
		entries, err := os.ReadDir(dir + "/INBOX")
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	was := len(list())
	for i := 1; i <= 3; i++ {
		if err := server.Deliver(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if n := len(list()); n != was+i {
				return fmt.Errorf("%d messages, after %d and %d deliveries", n, was, i)
			}
			return nil
		})
	}
	if found, err := filepath.Glob(dir + "/INBOX/*_Night-watch_All-is-well_*/body.txt"); err != nil || len(found) != 1 {
		t.Errorf("the first note is %v: %v", found, err)
	}
	end()
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > before {
			stacks := make([]byte, 1<<20)
			return fmt.Errorf("%d goroutines, %d before:\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
		}
		return nil
	})
}

// TestDemoProcess ends the program by each signal, and looks for remains.
func TestDemoProcess(t *testing.T) {
	program := filepath.Join(t.TempDir(), "imapfs")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, test := range []struct {
		name  string
		ends  os.Signal
		given bool // a mountpoint
		busy  bool
	}{
		{"interrupted", os.Interrupt, false, false},
		{"terminated", syscall.SIGTERM, true, false},
		{"terminal closed", syscall.SIGHUP, false, false},
		{"in use", os.Interrupt, false, true},
		{"in use at a given place", os.Interrupt, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			temporary := t.TempDir()
			cmd := exec.Command(program, "demo")
			if test.given {
				cmd.Args = append(cmd.Args, t.TempDir())
			}
			cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			dir := ""
			lines := bufio.NewScanner(out)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "New mail") {
				if dir == "" && strings.HasPrefix(lines.Text(), "  ") {
					dir = strings.TrimSpace(lines.Text())
				}
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
				t.Fatalf("%q lists %v: %v; %s", dir, entries, err, complaints.String())
			}
			if test.busy {
				f, err := os.Open(dir + "/INBOX")
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}

			cmd.Process.Signal(test.ends)
			stuck := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
			defer stuck.Stop()
			for lines.Scan() { // to the end
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ends with %v: %s", err, complaints.String())
			}
			if said := strings.Contains(complaints.String(), "is in use by"); said != test.busy {
				t.Errorf("it says %q", complaints.String())
			}
			if fs.CheckMounted(dir) == nil {
				t.Errorf("%s is still mounted", dir)
				fs.Unmount(dir, true)
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
				t.Errorf("it leaves %v: %v", left, err)
			}
			if _, err := os.Stat(dir); (err == nil) != test.given {
				t.Errorf("the mountpoint: %v", err)
			}
		})
	}
}
