"""The functions that a look is tried on, as the text of a module: it is imported in interpreters of its own."""

FUNCTIONS = """
import ctypes, functools, multiprocessing, os, random, signal, subprocess, sys, threading, time

if os.environ.get("OWN_IMPORT") and multiprocessing.current_process().name == "MainProcess":
    print("imported")
    time.sleep(float(os.environ["OWN_IMPORT"]))

few = [1, 2, 3, 4, 5, 6]
lists = [[1], [2], [3], [4]]
twelve = [*range(12)]
many = [1, 2, 3, 4, 5] * 20

def same(n):
    return n

def work(n):
    total = 0
    for number in range(20_000 + 1000 * n):
        total += number
    return total

def napping(n):
    time.sleep(0.01)
    return n

def sleeping(n):
    time.sleep(30)

def deaf(n):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open("begun", "w").close()
    while True:
        pass

def fails(n):
    if n == 3:
        raise KeyError("three")
    return n

def leaves(n):
    sys.exit("I am off")

def ends(n):
    if n == 3:
        os._exit(3)
    return n

def ends_beside_a_child(n):
    if os.fork() == 0:
        time.sleep(60)
    os._exit(3)

def crashes(n):
    ctypes.string_at(0)

def killed(n):
    os.kill(os.getpid(), signal.SIGKILL)

def chance(n):
    return random.random()

def hashed(n):
    return hash(str(n))

def here(n):
    return os.getpid()

def close(a, b):
    return abs(a - b) < 2

def unsure(a, b):
    raise RuntimeError("cannot say")

class Plain:
    def __init__(self, kind):
        self.kind = kind

def objects(n):
    return Plain("kind")

def prints(n):
    print("hello", n)
    return n

def prints_below(n):
    os.write(2, b"hello")
    return n

def reads(n):
    return sys.stdin.read()

def changes(numbers):
    numbers.append(1)
    return len(numbers) > 0

def moves(n):
    os.chdir("/")
    return n

def threads(n):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return n

def processes(n):
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    return n

def stays(n):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    return n

def unpicklable(n):
    return lambda: n

class Picky(Exception):
    def __init__(self, one, other):
        super().__init__(one)

def one_way(n):
    return Picky(n, n)

filled = {}

@functools.cache
def remembers(n):
    filled[n] = True
    time.sleep(0.01)
    return n

def slow_at_first(n):
    with open("calls", "a") as file:
        file.write(".")
        if file.tell() <= 12:
            time.sleep(0.02)
    return n

def loads_once(n):
    if not filled:
        filled[0] = True
        time.sleep(0.2)
    return work(n)

def allocates(n):
    return len(bytearray(b"x") * (100 << 20))
"""
