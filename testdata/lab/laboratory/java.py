# SPDX-License-Identifier: Apache-2.0
"""Apache HttpClient and OkHttp, compiled once per run into a temporary folder."""
import atexit
import shutil
import subprocess
import tempfile
import threading

from laboratory.programs import PROGRAMS

JARS = "/usr/share/java"
CLASSPATH = ":".join(f"{JARS}/{name}.jar" for name in (
    "httpclient", "httpcore", "commons-logging", "commons-codec", "okhttp", "okio"))
_lock = threading.Lock()
_folder = None


def _classes():
    global _folder
    with _lock:
        if _folder is None:
            folder = tempfile.mkdtemp(prefix="httpdiag-lab-java-")
            atexit.register(shutil.rmtree, folder, True)
            subprocess.run(["javac", "-nowarn", "-cp", CLASSPATH, "-d", folder,
                            *map(str, PROGRAMS.glob("*.java"))], check=True)
            _folder = folder
        return _folder


def command(program, arguments):
    return ["java", "-Xshare:auto", "-cp", f"{CLASSPATH}:{_classes()}", program, *arguments]
