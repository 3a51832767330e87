"""The data sets that are images, tables, text, videos and faces."""

from __future__ import annotations

from ._registry import DatasetInfo, FileInfo

_NO_LICENCE = "no licence stated; cite the paper"
_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"


def _fashion(file: str, checksum: str, content: str) -> FileInfo:
    return FileInfo(
        path=f"fashion-mnist/{file}",
        url=f"{_FASHION}/{file}",
        checksum=f"sha256:{checksum}",
        content_sha256=content,
    )


def _cifar(file: str) -> FileInfo:
    path = f"cifar-10-batches-bin/{file}"
    return FileInfo(path=path, url=_CIFAR, checksum="md5:c32a1d4ab5d03f1284b67883e8d87530", member=path)


DATASETS = (
    DatasetInfo(
        name="fashion-mnist",
        title="Grey 28x28 images of clothing in 10 classes",
        record="LabelledImages",
        publisher="Zalando Research",
        terms="MIT",
        url="https://github.com/zalandoresearch/fashion-mnist",
        citation=(
            "H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
            "Algorithms. arXiv 1708.07747, 2017"
        ),
        files=(
            _fashion(
                "train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            _fashion(
                "train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            _fashion(
                "t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            _fashion(
                "t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        size=30_878_645,
        counts=(("training images", 60_000), ("test images", 10_000), ("classes", 10)),
    ),
    DatasetInfo(
        name="cifar-10",
        title="Colour 32x32 images in 10 classes, binary version",
        record="LabelledImages",
        publisher="A. Krizhevsky, University of Toronto",
        terms=_NO_LICENCE,
        url="https://www.cs.toronto.edu/~kriz/cifar.html",
        citation="A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images. Technical report, 2009",
        files=tuple(
            _cifar(file)
            for file in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin", "batches.meta.txt")
        ),
        size=184_380_060,
        counts=(("training images", 50_000), ("test images", 10_000), ("classes", 10)),
    ),
    DatasetInfo(
        name="tiny-shakespeare",
        title="Plays of Shakespeare in one file",
        record="TextCorpus",
        publisher="A. Karpathy, char-rnn",
        terms="the text is in the public domain",
        url="https://github.com/karpathy/char-rnn",
        citation="A. Karpathy. The Unreasonable Effectiveness of Recurrent Neural Networks. 2015",
        files=(
            FileInfo(
                path="text/tinyshakespeare.txt",
                url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                checksum="sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                content_sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
        size=1_115_394,
        counts=(("characters", 1_115_394), ("symbols", 65)),
    ),
    DatasetInfo(
        name="a9a",
        title="Adult census income as 123 binary features, LIBSVM format",
        record="TabularData",
        publisher="LIBSVM data (from UCI Adult)",
        terms="UCI Adult: CC BY 4.0",
        url="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/binary.html#a9a",
        citation=(
            "B. Becker, R. Kohavi. Adult. UCI Machine Learning Repository, 1996; "
            "J. Platt. Fast Training of Support Vector Machines Using Sequential Minimal Optimization. 1998"
        ),
        files=(
            FileInfo(
                path="tabular/a9a.libsvm",
                url="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/binary/a9a",
                alternatives=("tabular/a9a",),
            ),
        ),
        size=2_329_875,
        counts=(("rows", 32_561), ("positive", 7_841), ("features", 123)),
    ),
    DatasetInfo(
        name="escalator",
        title="Surveillance video of an escalator, 200 grey frames of 130x160",
        record="VideoFrames",
        publisher="TFOCS, from the I2R data set of L. Li et al.",
        terms="research use",
        url="http://cvxr.com/tfocs/demos/rpca/",
        citation=(
            "L. Li, W. Huang, I. Y.-H. Gu, Q. Tian. Statistical Modeling of Complex Backgrounds for Foreground Object "
            "Detection. IEEE TIP 13(11), 2004"
        ),
        files=(FileInfo(path="lowrank/escalator_data.mat", url="http://cvxr.com/tfocs/demos/rpca/escalator_data.mat"),),
        size=3_780_939,
        counts=(("frames", 200), ("height", 130), ("width", 160)),
    ),
    DatasetInfo(
        name="highway",
        title="CDnet 2012 highway, frames 900-1099 at half size, grey 120x160",
        record="VideoFrames",
        publisher="changedetection.net",
        terms="academic use with citation",
        url="http://changedetection.net",
        citation=(
            "N. Goyette, P.-M. Jodoin, F. Porikli, J. Konrad, P. Ishwar. changedetection.net: A New Change Detection "
            "Benchmark Dataset. CVPR Workshops 2012"
        ),
        files=(FileInfo(path="lowrank/highway-gray-120x160-frames900-1099.npz"),),
        size=720_230,
        counts=(("frames", 200), ("height", 120), ("width", 160)),
        instructions=(
            "get the highway sequence of the baseline category of CDnet 2012 from the publisher, and save its frames "
            "900 to 1099, grey and at half size, as the uint8 array 'frames' of shape (200, 120, 160) of a .npz file"
        ),
    ),
    DatasetInfo(
        name="highway-video",
        title="CDnet 2012 highway as an MPEG video of 1,700 frames of 240x320",
        record="VideoFrames",
        publisher="changedetection.net",
        terms="academic use with citation",
        url="http://changedetection.net",
        citation="N. Goyette et al., CVPR Workshops 2012",
        files=(FileInfo(path="lowrank/highway.mpg"),),
        size=1_011_712,
        counts=(("frames", 1_700), ("height", 240), ("width", 320)),
        instructions=(
            "get the highway sequence of the baseline category of CDnet 2012 from the publisher, and encode its 1,700 "
            "frames as an MPEG video of 320x240"
        ),
        notes="Reading it needs the extra 'video'. The encoding is lossy.",
    ),
    DatasetInfo(
        name="yale-b",
        title="Extended Yale B faces, cropped to grey 32x32, 38 subjects",
        record="FaceImages",
        publisher="D. Cai, from Yale University and UCSD",
        terms="research use with citation",
        url="http://www.cad.zju.edu.cn/home/dengcai/Data/FaceData.html",
        citation=(
            "A. S. Georghiades, P. N. Belhumeur, D. J. Kriegman. From Few to Many. IEEE TPAMI 23(6), 2001; "
            "K.-C. Lee, J. Ho, D. J. Kriegman. Acquiring Linear Subspaces for Face Recognition under Variable "
            "Lighting. IEEE TPAMI 27(5), 2005"
        ),
        files=(FileInfo(path="lowrank/YaleB_32x32.mat"),),
        size=2_214_688,
        counts=(("images", 2_414), ("subjects", 38), ("height", 32), ("width", 32)),
        instructions="get YaleB_32x32.mat (variables fea and gnd) from the publisher's page",
    ),
)
