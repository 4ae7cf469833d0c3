"""Names of environment variables that a request may set, and those that none may, with who reads them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

# What every stack lets an item set: the image's contract, and the settings of our image.
SETTABLE = ("model_backend", "time_series_length", "upload_model_to_s3")
# Who reads them: variables that no request may set and no parameter can add, in upper case. Each names code to load or
# to run, where files or keys are looked for, or where traffic goes. A family with one such member is refused whole,
# unless others of it are ordinary settings (OMP_NUM_THREADS, NCCL_DEBUG, CUDA_VISIBLE_DEVICES).
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
    """Who reads this variable in a way that no request may use; in either case, since some read both."""
    upper = name.upper()
    for reader, patterns in NEVER_SETTABLE.items():
        if any(fnmatchcase(upper, pattern) for pattern in patterns):
            return reader
    return None
