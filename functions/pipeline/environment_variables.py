"""The environment variables that a request may set, and those that no request may set, with the program that reads them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

# Every stack lets an item set these: settings of the image in container/.
SETTABLE = ("model_backend", "time_series_length", "upload_model_to_s3")
# Reader to variables (upper case, with wildcards) that no request may set, whatever AllowedEnvironment names. Each of
# them names code to load or run, a path where files or keys are looked for, or where traffic goes. A prefix with one
# such variable is refused as a whole, unless it has ordinary settings, too (OMP_NUM_THREADS, NCCL_DEBUG,
# CUDA_VISIBLE_DEVICES).
NEVER_SETTABLE = {
    "the dynamic loader and the C library": (
        "LD_*", "DYLD_*", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "MALLOC_TRACE", "GETCONF_DIR",
        "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_*",
    ),
    "shells and every program that they start": (
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "ENV", "BASH*", "ZDOTDIR", "IFS", "SHELLOPTS", "PS0", "PS1", "PS2",
        "PS4", "PROMPT_COMMAND", "CDPATH", "FPATH", "GLOBIGNORE", "TMPDIR", "TMP", "TEMP", "XDG_*", "EDITOR", "VISUAL",
        "PAGER", "BROWSER", "TERMINFO*",
    ),
    "Python and its tools": ("PYTHON*", "PIP_*", "UV_*", "CONDA_*", "VIRTUAL_ENV", "JUPYTER*", "IPYTHON*"),
    "other interpreters and their tools": (
        "NODE_*", "NPM_*", "PERL*", "RUBY*", "GEM_*", "BUNDLE_*", "JAVA_*", "_JAVA_*", "JDK_*", "CLASSPATH", "MAVEN_*",
        "R_*", "RSTUDIO*", "JULIA_*", "LUA_*", "PHP*", "TCLLIBPATH", "DOTNET_*", "CORECLR_*", "SPARK_*", "HADOOP_*",
    ),
    "the servers of images": (
        "GUNICORN_*", "UVICORN_*", "WEB_CONCURRENCY", "FLASK_*", "WERKZEUG_*", "TS_CONFIG*", "TS_MODEL_STORE",
        "TS_LOAD_MODELS", "TS_*DEP*", "MMS_*",
    ),
    "the SDKs of AWS and other clouds": (
        "AWS_*", "AMAZON_*", "BOTO*", "ECS_*", "S3_ENDPOINT*", "GOOGLE_*", "GCLOUD_*", "AZURE_*",
    ),
    "SageMaker": ("SAGEMAKER_*", "SM_*", "TRAINING_JOB_*"),
    "clients of the network": (
        "*_PROXY", "GIT_*", "SSH_*", "CURL_*", "WGET*", "SSL_*", "SSLKEYLOGFILE", "OPENSSL_*", "REQUESTS_*", "HTTPX_*",
        "KRB5*", "NETRC",
    ),
    "compilers": (
        "CC", "CXX", "CPP", "LD", "LDSHARED", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CPATH", "*INCLUDE_PATH",
        "LIBRARY_PATH", "COMPILER_PATH", "GCC_*", "CLANG_*", "MAKEFLAGS", "CUDA_HOME", "CUDA_PATH", "NVCC*", "ROCM_PATH",
    ),
    "libraries that load others": (
        "*PRELOAD*", "*PLUGIN*", "OMP_TOOL*", "CUDA_INJECTION*", "CUDA_CACHE_PATH", "CUDA_MPS_*", "NVIDIA_*",
        "NCCL_CONF_FILE", "NCCL_NET*", "NCCL_TUNER*", "NCCL_PROFILER*", "TORCH_EXTENSIONS_DIR", "MPLCONFIGDIR",
        "MATPLOTLIBRC", "NUMBA_CACHE_DIR", "GTK_*", "GI_*", "GIO_*", "QT_*", "SASL_PATH", "ODBC*",
    ),
}  # fmt: skip


@cache
def reader_of(name: str) -> str | None:
    """Return the reader for whose sake no request may set this variable, if any; some readers ignore the name's case."""
    upper = name.upper()
    for reader, patterns in NEVER_SETTABLE.items():
        if any(fnmatchcase(upper, pattern) for pattern in patterns):
            return reader
    return None
