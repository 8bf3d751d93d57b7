"""Functions that clients call, with their addresses; answers of the servers; SDK versions; parts of nicknames."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "https://api.thebackend.io"


@dataclass(frozen=True)
class Function:
    """A function of the SDK.

    Attributes:
        name: the value of `func_name`.
        path: path of its address; `v3.1` is the version that nearly all clients call.
        status: HTTP status of success.
        median_ms: median of the elapsed time.
        weight: frequency relative to the other functions.
    """

    name: str
    path: str
    status: int
    median_ms: float
    weight: float

    @property
    def url(self) -> str:
        """The address that nearly all clients call."""
        return HOST + self.path

    @property
    def other_url(self) -> str:
        """The address of the next version of the service, which few clients call."""
        return HOST + self.path.replace("/v3.1/", "/v4/")


FUNCTIONS = (
    Function("Backend.BMember.GuestLogin", "/auth/v3.1/guest/login", 201, 152, 0.62),
    Function("Backend.BMember.LoginWithTheBackendToken", "/auth/v3.1/login/token", 201, 128, 0.78),
    Function("Backend.BMember.GetUserInfo", "/auth/v3.1/info", 200, 58, 1.25),
    Function("Backend.BMember.UpdateNickname", "/auth/v3.1/nickname", 204, 86, 0.56),
    Function("Backend.BMember.IsAccessTokenAlive", "/auth/v3.1/token/alive", 204, 41, 0.96),
    Function("Backend.BMember.RefreshTheBackendToken", "/auth/v3.1/token/refresh", 200, 104, 0.68),
    Function("Backend.GameData.TransactionWrite", "/data/gameinfo/v3.1/union/transactionWrite", 204, 92, 1.62),
    Function("Backend.GameData.TransactionRead", "/data/gameinfo/v3.1/union/transactionRead", 200, 88, 1.36),
    Function("Backend.GameData.GetMyData", "/data/gameinfo/v3.1/private/mydata", 200, 63, 1.68),
    Function("Backend.GameData.Get", "/data/gameinfo/v3.1/public/contents", 200, 69, 1.30),
    Function("Backend.GameData.Insert", "/data/gameinfo/v3.1/row", 200, 97, 0.92),
    Function("Backend.GameData.UpdateV2", "/data/gameinfo/v3.1/row/update", 204, 83, 1.58),
    Function("Backend.GameData.DeleteV2", "/data/gameinfo/v3.1/row/delete", 204, 77, 0.60),
    Function("Backend.Chart.GetChartList", "/chart/v3.1/list", 200, 54, 0.94),
    Function("Backend.Chart.GetChartContents", "/chart/v3.1/contents", 200, 118, 1.14),
    Function("Backend.Probability.GetProbability", "/probability/v3.1/draw", 200, 66, 0.88),
    Function("Backend.Probability.GetProbabilitys", "/probability/v3.1/draw/many", 200, 109, 0.82),
    Function("Backend.URank.User.GetRankList", "/rank/v3.1/user/list", 200, 142, 1.22),
    Function("Backend.URank.User.GetMyRank", "/rank/v3.1/user/mine", 200, 94, 1.16),
    Function("Backend.URank.User.UpdateUserScore", "/rank/v3.1/user/score", 200, 136, 1.32),
    Function("Backend.URank.Guild.GetRankList", "/rank/v3.1/guild/list", 200, 165, 0.66),
    Function("Backend.Guild.GetMyGuildInfoV3", "/guild/v3.1/mine", 200, 99, 0.98),
    Function("Backend.Guild.ContributeGoodsV3", "/guild/v3.1/goods/contribute", 200, 174, 0.64),
    Function("Backend.Guild.GetGuildMemberListV3", "/guild/v3.1/member/list", 200, 121, 0.76),
    Function("Backend.Friend.GetFriendList", "/friend/v3.1/list", 200, 73, 0.90),
    Function("Backend.Friend.RequestFriend", "/friend/v3.1/request", 204, 111, 0.58),
    Function("Backend.UPost.GetPostList", "/post/v3.1/list", 200, 79, 1.28),
    Function("Backend.UPost.ReceivePostItemAll", "/post/v3.1/receive/all", 200, 186, 0.72),
    Function("Backend.Coupon.UseCoupon", "/coupon/v3.1/use", 200, 203, 0.54),
    Function("Backend.Utils.GetServerTime", "/utils/v3.1/servertime", 200, 34, 1.10),
)

LOGINS = (0, 1)
"""Functions that begin a session; the user may not be known yet."""

SUCCESS_STATUSES = (200, 201, 204)


@dataclass(frozen=True)
class Answer:
    """An answer of the servers: HTTP status, reason, and frequency relative to other answers of its sort."""

    status: int
    reason: str
    weight: float = 0.0


ERRORS = (
    Answer(404, "gamer not found, gamer을(를) 찾을 수 없습니다", 30.0),
    Answer(404, "table not found, table을(를) 찾을 수 없습니다", 1.5),
    Answer(400, "Bad parameter, 잘못된 요청입니다", 17.0),
    Answer(400, "bad password, 잘못된 비밀번호 입니다", 0.8),
    Answer(401, "bad accessToken, 잘못된 accessToken 입니다", 14.0),
    Answer(401, "bad refreshToken, 잘못된 refreshToken 입니다", 1.0),
    Answer(403, "Forbidden blocked user, 금지된 blocked user", 4.0),
    Answer(405, "MethodNotAllowed, 허용되지 않은 메서드 입니다", 0.7),
    Answer(408, "Request timeout", 3.0),
    Answer(409, "Duplicated nickname, 중복된 nickname 입니다", 8.0),
    Answer(412, "PreconditionFailed inActiveUser, 사전 조건을 만족하지 않습니다", 6.0),
    Answer(428, "Precondition Required, 서버 점검 중입니다", 2.0),
    Answer(429, "Too many requests, 요청이 너무 많습니다", 6.0),
    Answer(500, "Internal Server Error", 2.5),
    Answer(502, "Bad Gateway", 1.0),
    Answer(503, "Service Unavailable, 일시적으로 서비스를 이용할 수 없습니다", 2.0),
    Answer(504, "Gateway Timeout", 0.8),
)

ANSWERS = (*(Answer(status, "Success") for status in SUCCESS_STATUSES), *ERRORS)
"""All answers; `answer` of a row is an index into this tuple."""

VERSIONS = ("5.4.5", "5.4.3", "5.5.1", "5.3.9", "5.4.1", "5.2.6", "5.6.0", "5.1.12", "4.9.8")
VERSION_WEIGHTS = (34, 18, 14, 10, 8, 6, 5, 3, 2)

_KOREAN_HEADS = """
호랑이 달빛 별빛 바람 검은 푸른 하얀 붉은 작은 큰 배고픈 졸린 행복한 우주 겨울 여름 봄날 불꽃 은빛 황금
전설의 무적 용감한 슬픈 귀여운 미친 어둠의 빛의 천하 동네 강남 부산 서울 제주 초보 고수 슈퍼 왕 꼬마 새벽
"""
_KOREAN_TAILS = """
들어와요 기사 마법사 궁수 도적 토끼 고양이 강아지 여우 늑대 곰 용 사냥꾼 전사 공주 왕자 대장 님 형 누나
아저씨 소년 소녀 천사 악마 요정 나그네 주인 두목 탐험가 감자 고구마 라면 김밥 만두 떡볶이 치킨 커피 구름 바다
"""
_LATIN_HEADS = """
dark Shadow mini Super Lucky night Fire ice Red blue King queen Dragon wolf cat happy lazy Mad Star moon
zero Neo Big tiny Gold silver Black white Soul war Hero pro real Mr the xX Ace sky Sun jin
"""
_LATIN_TAILS = """
killer Knight boy girl Master hunter Lord 00 KR play gamer one cat Fox Bear slayer Mage wind storm Rider
Blade fan love bean soup rabbit Tiger tv man lee kim park choi Xx st er ya min ho eun
"""
KOREAN_HEADS = tuple(_KOREAN_HEADS.split())
KOREAN_TAILS = tuple(_KOREAN_TAILS.split())
LATIN_HEADS = tuple(_LATIN_HEADS.split())
LATIN_TAILS = tuple(_LATIN_TAILS.split())
SYMBOLS = ("♥", "★", "🐯", "🔥", "👑", "😎", "🎮", "💎", "ㅋㅋ", "^^", '"', "\\", "/", "<3", "&")
"""Symbols that a few users append to their names; the quote and the backslash are escaped in JSON."""
